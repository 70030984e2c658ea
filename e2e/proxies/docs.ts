import { markdownTable } from '../../lib/markdown-table.ts';
import { configOf, PROXIES } from './proxy.ts';
import { readResults } from './results.ts';

/** Generated blocks of docs/proxies.md: the configurations that the suite runs, and what its last run gave. */
export function proxyBlocks(): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(
      PROXIES.map((kind) => [kind.program, `\`\`\`${kind.language}\n${configOf(kind).trimEnd()}\n\`\`\``]),
    ),
    results: resultsText(),
  };
}

function resultsText(): string {
  const { date, service, node, proxies } = readResults();
  const checks = Object.keys(proxies[0]?.checks ?? {});
  const table = markdownTable(
    ['', ...proxies.map(({ name, version }) => `${name} ${version}`)],
    checks.map((check) => [
      check,
      ...proxies.map(({ checks: seen }) => {
        const result = seen[check];
        return result === undefined ? '' : `${result.passed ? '' : '**failed** '}${result.detail}`;
      }),
    ]),
  );
  return `Run on ${date} with version ${service} and Node.js ${node}:\n\n${table}`;
}
