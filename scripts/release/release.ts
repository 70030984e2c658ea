#!/usr/bin/env node
/**
 * `npm run release -- --registry HOST/PATH [--sign-key FILE]`: publishes the version in package.json, image and chart, from a tree
 * without changes. All of it is put together in a registry of this process; the names that people use are given at the very
 * end, so that what fails leaves nothing that anyone finds. docs/releasing.md has the steps.
 *
 * Exit status: 0 if it is published, 1 if not, with the reason, 2 after a wrong argument.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { program } from '../../lib/program.ts';
import { CACHE, ROOT, runWell } from '../chart/tools.ts';
import { packageChart } from './chart-package.ts';
import { buildIndex, PLATFORMS, type Index } from './image.ts';
import { ReleaseProblem, withProblems } from './problem.ts';
import { requirePrograms } from './programs.ts';
import { crane, digestOf, Place, registryPath, Staging } from './registry.ts';
import { chartSbom, imageSbom } from './sbom.ts';
import { checkKey, Signer } from './signing.ts';
import { RELEASE_FILE, SUMS, SUMS_SIGNATURE, writeSums } from './sums.ts';
import { notesProblem, releaseNotes, versionOf, versionProblems } from './version.ts';

const command = program('npm run release --', 'Publishes the image and the chart of the version in package.json.')
  .option(
    '--registry <host/path>',
    'required, where to: HOST/PATH/websocket-message-counter, HOST/PATH/charts/...',
    registryPath,
  )
  .option('--sign-key <file>', 'private key of cosign (password: COSIGN_PASSWORD); none: keyless in a GitHub workflow')
  .option('--base <image>', 'name of the base image for all platforms, if it is not the one in the Dockerfile')
  .parse();
const options = command.opts<{ registry?: string; signKey?: string; base?: string }>();
const registry =
  options.registry ?? command.error('--registry HOST/PATH says where to publish: --registry ghcr.io/some-owner');

await withProblems('release', async (checkpoint) => {
  const place = new Place(registry, versionOf(ROOT));
  const signs = options.signKey !== undefined || Signer.canBeKeyless();
  requirePrograms('git', 'buildah', 'crane', 'helm', 'syft', ...(signs ? ['cosign'] : []));
  checkTree();
  const notes = notesOf(place.version);
  if (options.signKey !== undefined) checkKey(options.signKey);
  checkNew(place);
  const folder = mkdtempSync(join(tmpdir(), 'release-'));
  const staging = await Staging.start(join(folder, 'registry'));
  try {
    const say = async (what: string): Promise<void> => {
      await checkpoint();
      console.log(`… ${what}`);
    };
    await publish(place, notes, folder, staging.address, signs ? new Signer(folder, options.signKey) : undefined, say);
  } finally {
    await staging.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

function checkTree(): void {
  const changed = runWell('git', ['status', '--porcelain'])
    .split('\n')
    .filter((line) => line !== '');
  if (changed.length > 0)
    throw new ReleaseProblem(
      `the tree has ${changed.length} change${changed.length === 1 ? '' : 's'} that no commit has, first${changed[0]?.slice(2) ?? ''}; commit or git stash --include-untracked, then run it again`,
    );
  const [problem] = versionProblems(ROOT);
  if (problem !== undefined) throw new ReleaseProblem(`${problem}; npm version sets it everywhere (docs/releasing.md)`);
}

function notesOf(version: string): string {
  const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const problem = notesProblem(changelog, version);
  if (problem !== undefined) throw new ReleaseProblem(problem);
  return releaseNotes(changelog, version) ?? '';
}

function checkNew({ image, chart, version }: Place): void {
  for (const reference of [`${image}:${version}`, `${chart}:${version}`]) {
    const digest = digestOf(reference);
    if (digest !== undefined)
      throw new ReleaseProblem(
        `${reference} exists already (${digest}), and a version is published once; npm version patch makes the next one`,
      );
  }
}

/** Puts everything together in the staging registry, copies it by digest, signs it, and names it. */
async function publish(
  place: Place,
  notes: string,
  folder: string,
  staging: string,
  signer: Signer | undefined,
  say: (what: string) => Promise<void>,
): Promise<void> {
  const { image, chart, version } = place;
  const assets = join(folder, 'assets');
  mkdirSync(assets);
  await say(`building ${version} for ${PLATFORMS.join(' and ')}`);
  const [revision = '', time = ''] = runWell('git', ['show', '--no-patch', '--format=%H %ct', 'HEAD'])
    .trim()
    .split(' ');
  const staged = `${staging}/image`;
  const index = buildIndex(staged, { version, revision, time, base: options.base });
  const packed = packageChart(folder, version, { repository: image, digest: index.digest });
  renameSync(packed, join(assets, basename(packed)));
  runWell('helm', ['push', join(assets, basename(packed)), `oci://${staging}/charts`, '--plain-http']);
  const stagedChart = `${staging}/charts/${basename(chart)}:${version}`;
  const chartDigest = crane(stagedChart, 'digest', stagedChart);
  await say('listing what image and chart are made of');
  const sboms = writeSboms(assets, folder, staged, index, version);
  await say(`copying to ${place.registry}`);
  crane(image, 'copy', `${staged}@${index.digest}`, `${image}@${index.digest}`);
  crane(chart, 'copy', stagedChart, `${chart}@${chartDigest}`);
  writeAssets(assets, notes, {
    version,
    revision,
    image: `${image}@${index.digest}`,
    chart: `${chart}@${chartDigest}`,
  });
  if (signer !== undefined) {
    await say('signing');
    signer.sign(`${image}@${index.digest}`);
    signer.sign(`${chart}@${chartDigest}`);
    for (const [platform, digest] of Object.entries(index.platforms))
      signer.attest(`${image}@${digest}`, sboms[platform]!);
    signer.attest(`${chart}@${chartDigest}`, sboms['chart']!);
    signer.signFile(join(assets, SUMS), join(assets, SUMS_SIGNATURE));
  }
  const kept = keep(assets, version);
  await say('naming both');
  crane(image, 'tag', `${image}@${index.digest}`, version);
  nameChart(chart, chartDigest, version);
  console.log(
    [
      `image  ${image}:${version}@${index.digest}`,
      `chart  oci://${chart}:${version}@${chartDigest}`,
      `files  ${kept}: ${readdirSync(kept).join(', ')}`,
      signer === undefined
        ? 'NOT SIGNED: there is no --sign-key, and this is no GitHub workflow with id-token: write; release:verify will refuse it'
        : `signed ${options.signKey === undefined ? 'as this workflow' : 'with the key of cosign.pub'}`,
      `npm run release:verify -- ${place.registry} ${version} --files ${kept}`,
      `helm install demo oci://${chart} --version ${version} ${place.helmFlags.join(' ')}`.trimEnd(),
    ].join('\n'),
  );
}

/** @returns paths by platform, and of the chart's */
function writeSboms(
  assets: string,
  folder: string,
  staged: string,
  { platforms }: Index,
  version: string,
): Readonly<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const [platform, digest] of Object.entries(platforms)) {
    paths[platform] = join(assets, `image-${platform.replace('/', '-')}.spdx.json`);
    imageSbom(`${staged}@${digest}`, platform, version, paths[platform]);
  }
  paths['chart'] = join(assets, 'chart.spdx.json');
  chartSbom(join(folder, 'chart'), version, paths['chart']);
  return paths;
}

function writeAssets(assets: string, notes: string, names: Readonly<Record<string, string>>): void {
  writeFileSync(join(assets, RELEASE_FILE), `${JSON.stringify(names, undefined, 2)}\n`);
  const pulls = ['```text', names['image'] ?? '', `oci://${names['chart'] ?? ''}`, '```'];
  writeFileSync(join(assets, 'notes.md'), `${notes}\n\n${pulls.join('\n')}\n`);
  writeSums(assets);
}

/** Where the files of the release stay: what a release on GitHub has beside its notes. */
function keep(assets: string, version: string): string {
  const kept = join(CACHE, 'release', version);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  for (const name of readdirSync(assets)) writeFileSync(join(kept, name), readFileSync(join(assets, name)));
  return kept;
}

/** @throws {ReleaseProblem} which says how to finish it: the image has its name then, and the version is not published again */
function nameChart(chart: string, digest: string, version: string): void {
  const named = `${chart}@${digest}`;
  try {
    crane(chart, 'tag', named, version);
  } catch (error) {
    if (!(error instanceof ReleaseProblem)) throw error;
    throw new ReleaseProblem(
      `the image is published, and the chart has no name yet: crane tag ${named} ${version} finishes it (${error.message})`,
    );
  }
}
