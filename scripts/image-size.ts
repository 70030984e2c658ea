#!/usr/bin/env node
/**
 * Tells how large the image is above its base, and fails if that is more than it may be. Both must be in buildah's store.
 *
 *   npx node scripts/image-size.ts IMAGE
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../lib/program.ts';
import { baseImage } from './base-image.ts';
import { runWell, TESTBED_SCRIPTS, TOOL_ENV, withFolder } from './chart/tools.ts';

/** Most bytes of the layers above the base, unpacked: what a node that has the base must still store. */
const LIMIT_BYTES = 25e6;

const [image = ''] = program('npx node scripts/image-size.ts', 'Prints how large an image is above its base.')
  .argument('<image>', 'an image that buildah has, for example websocket-message-counter')
  .parse().args;
const sizes = layerSizes(image);
const above = sizes.slice(layerSizes(baseImage()).length);
const bytes = above.reduce((sum, size) => sum + size, 0);
console.log(
  `${image}: ${megabytes(bytes)} MB in ${above.length} layer${above.length === 1 ? '' : 's'} above its base (${above.map(megabytes).join(' + ')}); at most ${megabytes(LIMIT_BYTES)} MB`,
);
process.exitCode = above.length > 0 && bytes <= LIMIT_BYTES ? 0 : 1;

/** Sizes of an image's layers, unpacked, the lowest first. */
function layerSizes(name: string): readonly number[] {
  return withFolder((folder) => {
    const into = join(folder, 'image');
    useTestbedStore(folder);
    runWell('buildah', ['push', '--quiet', '--disable-compression', name, `dir:${into}`]);
    const { layers } = JSON.parse(readFileSync(join(into, 'manifest.json'), 'utf8')) as { layers: { size: number }[] };
    return layers.map(({ size }) => size);
  });
}

/** Points buildah at the store of the test bed (containers-storage.conf(5)), unless the environment names another. */
function useTestbedStore(folder: string): void {
  if (process.env['CONTAINERS_STORAGE_CONF'] !== undefined) return;
  const testbed = runWell('bash', ['-c', '. "$0" && echo "$TESTBED"', join(TESTBED_SCRIPTS, 'tools.env')]).trim();
  const path = join(folder, 'storage.conf');
  writeFileSync(
    path,
    `[storage]\ndriver = "overlay"\ngraphroot = "${testbed}/images"\nrunroot = "${testbed}/state/buildah-run"\n`,
  );
  TOOL_ENV['CONTAINERS_STORAGE_CONF'] = path;
}

function megabytes(size: number): string {
  return (size / 1e6).toFixed(1);
}
