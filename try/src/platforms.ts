import { join } from 'node:path';
import { VERSION } from '../../lib/version.ts';
import { Problem } from './problem.ts';

/** Where a trial can run. */
export const PLATFORM_NAMES = ['kind', 'k3d', 'minikube', 'context', 'testbed'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** A command that tells whether something is there: it succeeds, and a line it prints begins with this word. */
export interface Probe {
  readonly command: Command;
  readonly word: string;
}

/** A place to run a trial, as the commands that make, fill and remove it. */
export interface Platform {
  readonly name: PlatformName;
  /** For people: `a kind cluster of its own, websocket-try`. */
  readonly label: string;
  /** How kubectl and helm reach it: a kubeconfig, or a context of the user's. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Whether the cluster is up; none where it is somebody else's. */
  readonly probe?: Probe;
  readonly start: readonly Command[];
  readonly build: readonly Command[];
  readonly load: readonly Command[];
  /** Deletes the cluster, if the trial started it. */
  readonly stop: readonly Command[];
  /** Deletes the image from this machine. */
  readonly forget: readonly Command[];
  /** The image as pods name it. */
  readonly repository: string;
  /** Why Grafana can't run there; empty if it can. */
  readonly withoutGrafana: string;
}

/** What a platform may need to know. */
export interface PlatformOptions {
  /** Kubeconfig that a cluster of the trial's own is written to: the user's stays as it is. */
  readonly kubeconfig: string;
  /** Context of the user's kubeconfig. */
  readonly context: string;
  /** Registry that the cluster of that context pulls from. */
  readonly registry?: string | undefined;
  /** Folder of the test bed's state. */
  readonly testbed: string;
}

/** Name of a cluster that a trial makes. */
export const CLUSTER = 'websocket-try';
const REPOSITORY = 'websocket-message-counter';
const IMAGE = `${REPOSITORY}:${VERSION}`;
/** Clusters that run the images of this machine's Docker. */
const SHARES_DOCKER = ['docker-desktop', 'rancher-desktop', 'orbstack', 'colima'];

/** The platform of a name. @throws {Problem} if the cluster of the context has no way to get the image */
export function platform(name: PlatformName, options: PlatformOptions): Platform {
  const { kubeconfig } = options;
  switch (name) {
    case 'kind':
      return {
        ...ofDocker('kind', kubeconfig),
        probe: { command: ['kind', 'get', 'clusters'], word: CLUSTER },
        start: [['kind', 'create', 'cluster', '--name', CLUSTER, '--wait', '120s']],
        load: [['kind', 'load', 'docker-image', IMAGE, '--name', CLUSTER]],
        stop: [['kind', 'delete', 'cluster', '--name', CLUSTER]],
      };
    case 'k3d':
      return {
        ...ofDocker('k3d', kubeconfig),
        probe: { command: ['k3d', 'cluster', 'list', '--no-headers'], word: CLUSTER },
        start: [['k3d', 'cluster', 'create', CLUSTER, '--wait', '--timeout', '120s']],
        load: [['k3d', 'image', 'import', IMAGE, '--cluster', CLUSTER]],
        stop: [['k3d', 'cluster', 'delete', CLUSTER]],
      };
    case 'minikube':
      return {
        ...ofDocker('minikube', kubeconfig),
        probe: { command: ['minikube', 'status', '--profile', CLUSTER, '--format', '{{.Host}}'], word: 'Running' },
        start: [['minikube', 'start', '--profile', CLUSTER, '--driver', 'docker']],
        load: [['minikube', 'image', 'load', IMAGE, '--profile', CLUSTER]],
        stop: [['minikube', 'delete', '--profile', CLUSTER]],
      };
    case 'context':
      return ofContext(options);
    case 'testbed':
      return ofTestbed(options.testbed);
  }
}

function ofDocker(tool: 'kind' | 'k3d' | 'minikube', kubeconfig: string) {
  return {
    name: tool,
    label: `a ${tool} cluster of its own, ${CLUSTER}`,
    kubeconfig,
    build: [['docker', 'build', '--tag', IMAGE, '.']],
    forget: [['docker', 'image', 'rm', IMAGE]],
    repository: REPOSITORY,
    withoutGrafana: '',
  } as const;
}

function ofContext({ context, registry }: PlatformOptions): Platform {
  const repository = registry === undefined ? REPOSITORY : `${registry}/${REPOSITORY}`;
  const image = `${repository}:${VERSION}`;
  return {
    name: 'context',
    label: `the cluster of the context ${context}`,
    context,
    start: [],
    build: [['docker', 'build', '--tag', image, '.']],
    load: registry === undefined ? loadInto(context) : [['docker', 'push', image]],
    stop: [],
    forget: [['docker', 'image', 'rm', image]],
    repository,
    withoutGrafana: '',
  };
}

/** How the image gets into a cluster on this machine, which is known by the name of its context. */
function loadInto(context: string): readonly Command[] {
  const [, tool, cluster = ''] = /^(kind|k3d)-(.+)$/.exec(context) ?? [];
  if (tool === 'kind') return [['kind', 'load', 'docker-image', IMAGE, '--name', cluster]];
  if (tool === 'k3d') return [['k3d', 'image', 'import', IMAGE, '--cluster', cluster]];
  if (context === 'minikube') return [['minikube', 'image', 'load', IMAGE]];
  if (SHARES_DOCKER.includes(context)) return [];
  throw new Problem(
    `The cluster of the context ${context} can't read this machine's images: name a registry that Docker can push to and the cluster can pull from, npm run try -- --on context --registry HOST/PATH`,
  );
}

function ofTestbed(folder: string): Platform {
  const kubeconfig = join(folder, 'state', 'admin.kubeconfig');
  return {
    name: 'testbed',
    label: 'the test bed, a cluster built from source (testbed/README.md)',
    kubeconfig,
    probe: { command: ['kubectl', 'get', '--raw', '/readyz', '--request-timeout=5s'], word: 'ok' },
    start: [['testbed/up']],
    build: [
      ['testbed/image', 'base'],
      ['testbed/image', 'build', IMAGE, '.'],
    ],
    load: [['testbed/image', 'stack']],
    stop: [['testbed/down']],
    forget: [],
    repository: REPOSITORY,
    withoutGrafana: "Grafana's image can't be had on the test bed, which reaches no registry",
  };
}
