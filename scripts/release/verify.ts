#!/usr/bin/env node
/**
 * `npm run release:verify -- HOST/PATH VERSION`: checks a published version as somebody who is about to use it would: who signed
 * image and chart, what they are made of, whether every byte is what its digest says, and whether the chart runs the image that
 * was published with it. It trusts cosign.pub in the tree, or the workflow that `--identity` names, and nothing in the registry.
 *
 * Exit status: 0 if all of it is right, 1 if not, with the reason, 2 after a wrong argument.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../../lib/program.ts';
import { runWell, withFolder } from '../chart/tools.ts';
import { imageIn } from './chart-package.ts';
import { PLATFORMS, readIndex } from './image.ts';
import { ReleaseProblem, withProblems } from './problem.ts';
import { requirePrograms } from './programs.ts';
import { crane, digestOf, Place, registryPath, releasedVersion } from './registry.ts';
import { PUBLIC_KEY, Verifier, type Trust } from './signing.ts';
import { RELEASE_FILE, SUMS, SUMS_SIGNATURE, sumProblems } from './sums.ts';

const command = program('npm run release:verify --', 'Checks a published version: signatures, SBOMs, digests.')
  .argument('<registry>', 'HOST/PATH that it was published to', registryPath)
  .argument('<version>', 'for example 0.1.0', releasedVersion)
  .option('--key <file>', 'public key of who released it; by default cosign.pub in the tree')
  .option('--identity <pattern>', 'URL of the GitHub workflow that released it, a regular expression')
  .option('--files <folder>', 'the files of the release, of which SHA256SUMS is checked too')
  .parse();
const [registry = '', version = ''] = command.args;
const { key, identity, files } = command.opts<{ key?: string; identity?: string; files?: string }>();

await withProblems('release:verify', () => {
  const place = new Place(registry, version);
  const verifier = new Verifier(trust());
  requirePrograms('crane', 'cosign', 'helm');
  const image = checkImage(place, verifier);
  const chart = checkChart(place, verifier, image);
  if (files === undefined)
    console.log('--  the files of the release were not checked: --files FOLDER says where they are');
  else checkFiles(files, verifier, { image, chart });
  console.log(`OK: ${version} in ${registry} is what ${identity ?? 'the owner of the key'} released`);
});

function trust(): Trust {
  if (identity !== undefined) return { identity };
  const file = key ?? PUBLIC_KEY;
  if (!existsSync(file))
    throw new ReleaseProblem(
      `there is no ${file}: name the public key by --key, or the workflow that signed by --identity (docs/releasing.md)`,
    );
  return { key: file };
}

/** @returns the image by its digest */
function checkImage({ image }: Place, verifier: Verifier): string {
  const { digest, platforms } = readIndex(`${image}:${version}`);
  const missing = PLATFORMS.filter((platform) => platforms[platform] === undefined);
  if (missing.length > 0) throw new ReleaseProblem(`${image}:${version} is not there for ${missing.join(', ')}`);
  verifier.verify(`${image}@${digest}`);
  ok(`image ${digest} is signed`);
  for (const [platform, each] of Object.entries(platforms)) {
    const reference = `${image}@${each}`;
    verifier.verify(reference);
    const { packages } = verifier.sbomOf(reference);
    if (!packages.some(({ name }) => name === 'ws'))
      throw new ReleaseProblem(`the SBOM of ${reference} is of something else: it lacks ws`);
    const { config } = JSON.parse(crane(reference, 'config', reference)) as {
      config: { Labels: Readonly<Record<string, string>> };
    };
    const label = config.Labels['org.opencontainers.image.version'];
    if (label !== version) throw new ReleaseProblem(`${reference} says that it is version ${label ?? 'none'}`);
    ok(`image for ${platform} is signed, version ${label}, and its SBOM names ${packages.length} packages`);
  }
  crane(image, 'validate', '--remote', `${image}@${digest}`);
  ok('every layer was pulled, and has its digest');
  return `${image}@${digest}`;
}

/** @returns the chart by its digest */
function checkChart({ chart, helmFlags }: Place, verifier: Verifier, image: string): string {
  const digest = digestOf(`${chart}:${version}`);
  if (digest === undefined) throw new ReleaseProblem(`there is no ${chart}:${version}`);
  verifier.verify(`${chart}@${digest}`);
  ok(`chart ${digest} is signed`);
  const { files = [] } = verifier.sbomOf(`${chart}@${digest}`);
  if (files.length === 0) throw new ReleaseProblem(`the SBOM of ${chart}@${digest} names no file`);
  ok(`its SBOM names ${files.length} files`);
  withFolder((folder) => {
    runWell('helm', ['pull', `oci://${chart}@${digest}`, '--destination', folder, ...helmFlags]);
    const [chartPackage = ''] = globSync('*.tgz', { cwd: folder }).map((name) => join(folder, name));
    const named = imageIn(chartPackage);
    const runs = `${named.repository}@${named.digest}`;
    if (runs !== image) throw new ReleaseProblem(`the chart runs ${runs}, and ${image} was published`);
    ok(`it runs that image, by its digest`);
  });
  return `${chart}@${digest}`;
}

function checkFiles(
  folder: string,
  verifier: Verifier,
  names: { readonly image: string; readonly chart: string },
): void {
  const sums = join(folder, SUMS);
  if (!existsSync(sums))
    throw new ReleaseProblem(`there is no ${sums}; --files is the folder with the release's files`);
  verifier.verifyFile(sums, join(folder, SUMS_SIGNATURE));
  const problems = sumProblems(folder);
  if (problems.length > 0) throw new ReleaseProblem(`${problems.join(', ')} in ${folder}: do not use them`);
  const released = JSON.parse(readFileSync(join(folder, RELEASE_FILE), 'utf8')) as typeof names;
  for (const what of ['image', 'chart'] as const)
    if (released[what] !== names[what])
      throw new ReleaseProblem(`${join(folder, RELEASE_FILE)} is about ${released[what]}, not about ${names[what]}`);
  ok(`${SUMS} is signed, and so is every file in ${folder}`);
}

function ok(what: string): void {
  console.log(`ok  ${what}`);
}
