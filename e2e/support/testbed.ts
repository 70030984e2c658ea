import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TESTBED_SCRIPTS } from '../../scripts/chart/tools.ts';

/** Whether the test bed is up, whose registry and image store are used to build images. */
export function hasTestbed(): boolean {
  return existsSync(join(testbedFolder(), 'state', 'containerd.sock'));
}

/**
 * Variables by which buildah works with the test bed's images (containers-storage.conf(5)): the base images are there.
 * @param folder for a file of them
 */
export function buildahEnvironment(folder: string): NodeJS.ProcessEnv {
  const testbed = testbedFolder();
  const path = join(folder, 'storage.conf');
  writeFileSync(
    path,
    `[storage]\ndriver = "overlay"\ngraphroot = "${testbed}/images"\nrunroot = "${testbed}/state/buildah-run"\n`,
  );
  return {
    CONTAINERS_STORAGE_CONF: path,
    BUILDAH_ISOLATION: 'chroot',
    BUILDAH_FLAGS: '--network host --pull=never',
  };
}

function testbedFolder(): string {
  const script = join(TESTBED_SCRIPTS, 'tools.env');
  return execFileSync('bash', ['-c', '. "$0" && echo "$TESTBED"', script], { encoding: 'utf8' }).trim();
}
