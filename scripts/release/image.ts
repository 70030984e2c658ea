import { baseImage } from '../base-image.ts';
import { lastLine } from '../../lib/last-line.ts';
import { ROOT, run, runWell } from '../chart/tools.ts';
import { machineCodeIn } from './machine-code.ts';
import { ReleaseProblem } from './problem.ts';
import { crane, digestOf } from './registry.ts';

/** What the image is published for. */
export const PLATFORMS = ['linux/amd64', 'linux/arm64'] as const;

/** An image index in a registry, with what it is for each platform. */
export interface Index {
  readonly digest: string;
  /** Digests of the manifests by platform. */
  readonly platforms: Readonly<Record<string, string>>;
}

/** How an image is built. */
export interface Build {
  readonly version: string;
  /** The commit. */
  readonly revision: string;
  /** When that was made, in seconds since 1970: the times of files in the layers, so that a second build is the same. */
  readonly time: string;
  /** Name of the base image's index in a registry, if it is not the one in the Dockerfile. */
  readonly base?: string | undefined;
}

/**
 * Builds the image once, on this machine's processor, and puts its layers, which are JavaScript alone, on the base image of each
 * platform. BUILDAH_FLAGS are more flags for `buildah build`.
 * @param repository where it is put, in a registry that needs no login
 * @throws {ReleaseProblem} if there is machine code in the layers
 */
export function buildIndex(repository: string, { version, revision, time, base }: Build): Index {
  const local = `localhost/websocket-message-counter-release:${version}`;
  const flags = (process.env['BUILDAH_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  const created = new Date(Number(time) * 1000).toISOString();
  const variables = [`VERSION=${version}`, `REVISION=${revision}`, `CREATED=${created}`];
  const labels = variables.flatMap((arg) => ['--build-arg', arg]);
  const baseName = baseImage();
  const args = ['build', '--layers', '--quiet', '--timestamp', time, ...labels, ...flags, '--tag', local, ROOT];
  const { status, stderr } = run('buildah', args);
  if (status !== 0)
    throw new ReleaseProblem(
      `buildah build failed: ${lastLine(stderr)}; if a base image can't be fetched, buildah pull ${baseName} tries it, and docs/releasing.md says how to do without`,
    );
  const [built, native] = [`${repository}:built`, `${repository}:base`];
  pushFromStore(local, built);
  pushFromStore(baseName, native);
  const found = layersOf(built)
    .slice(layersOf(native).length)
    .flatMap((digest) => machineCodeIn(`${repository}@${digest}`));
  if (found.length > 0)
    throw new ReleaseProblem(
      `the image holds machine code (${found.join(', ')}), which one build can't give both processors; take it out of the Dockerfile's last stage`,
    );
  const images = PLATFORMS.map((platform) => {
    const name = `${repository}:${platform.replace('/', '-')}`;
    const on = base ?? baseName;
    const digest = crane(on, 'digest', '--platform', platform, on);
    const onDigest = `${on.replace(/(:[^/:]+)?$/, '')}@${digest}`;
    crane(on, 'rebase', built, '--old_base', native, '--new_base', onDigest, '--tag', name);
    return name;
  });
  const index = `${repository}:index`;
  crane(index, 'index', 'append', ...images.flatMap((image) => ['--manifest', image]), '--tag', index);
  return readIndex(index);
}

/** What a registry has under a name. @throws {ReleaseProblem} if that is no index, or is not there */
export function readIndex(reference: string): Index {
  const digest = digestOf(reference);
  if (digest === undefined) throw new ReleaseProblem(`there is no ${reference}`);
  const { manifests } = manifestOf(reference);
  if (manifests === undefined) throw new ReleaseProblem(`${reference} is not for several platforms`);
  const platforms = manifests.map(
    ({ digest, platform }) => [`${platform.os}/${platform.architecture}`, digest] as const,
  );
  return { digest, platforms: Object.fromEntries(platforms) };
}

function manifestOf(reference: string): {
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform: { readonly os: string; readonly architecture: string };
  }[];
} {
  const text = crane(reference, 'manifest', reference);
  try {
    return JSON.parse(text) as ReturnType<typeof manifestOf>;
  } catch {
    const host = reference.slice(0, reference.indexOf('/'));
    throw new ReleaseProblem(`${host} answers with no manifest of ${reference}: is it a registry?`);
  }
}

function pushFromStore(image: string, to: string): void {
  runWell('buildah', ['push', '--quiet', '--tls-verify=false', image, `docker://${to}`]);
}

function layersOf(image: string): readonly string[] {
  const { layers } = JSON.parse(crane(image, 'manifest', image)) as { layers: readonly { readonly digest: string }[] };
  return layers.map(({ digest }) => digest);
}
