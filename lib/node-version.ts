/**
 * Imported first by programs that are installed as a package: an older Node.js would end in a stack trace later on. For the
 * same reason, what older ones lack is not imported by its name.
 */
import packageJson from '../package.json' with { type: 'json' };

const oldest = Number(packageJson.engines.node.replace('>=', ''));
if (Number.parseInt(process.versions.node, 10) < oldest) {
  process.stderr.write(`needs Node.js ${oldest} or later; this is ${process.version}\n`);
  process.exit(1);
}
