import { apply, kubectl, runWell } from './commands.ts';
import type { Release } from './release.ts';

/** What came of a TCP connection: `open`, `timeout`, or the code of its error, such as ECONNREFUSED. */
export type Reach = string;

/** Longest that one connection or one count may take, in milliseconds. */
const PATIENCE_MS = 4000;
const NODE = '/nodejs/bin/node';

const CONNECT = `
const net = require('node:net');
const reach = (target) => new Promise((resolve) => {
  const colon = target.lastIndexOf(':');
  const socket = net.connect({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) });
  const end = (outcome) => { socket.destroy(); resolve([target, outcome]); };
  socket.once('connect', () => end('open')).once('error', (error) => end(error.code));
  setTimeout(end, ${PATIENCE_MS}, 'timeout').unref();
});
Promise.all(process.argv.slice(1).map(reach)).then((all) => console.log(JSON.stringify(Object.fromEntries(all))));
`;

/** What it prints is the count, or nothing. */
const COUNT = `
const { CounterClient } = await import('/app/dist/client/client.js');
const client = new CounterClient(process.argv[1], { connectTimeoutMs: ${PATIENCE_MS} });
setTimeout(() => process.exit(), ${PATIENCE_MS});
console.log(await client.send('probe'));
process.exit();
`;

/** A place in the cluster from which connections are tried: a pod that has Node.js. */
export class Probe {
  readonly namespace: string;
  readonly pod: string;

  private constructor(namespace: string, pod: string) {
    this.namespace = namespace;
    this.pod = pod;
  }

  /** A pod of the service. */
  static of(release: Release, pod: string): Probe {
    return new Probe(release.namespace, pod);
  }

  /** Its address. */
  address(): Promise<string> {
    return kubectl('--namespace', this.namespace, 'get', 'pod', this.pod, '--output=jsonpath={.status.podIP}');
  }

  /** Starts a pod that does nothing by itself. @param image that of the service */
  static async start(namespace: string, name: string, image: string): Promise<Probe> {
    await apply(idlePod(namespace, name, image));
    await kubectl('--namespace', namespace, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
    return new Probe(namespace, name);
  }

  /** Tries to connect to each `host:port`, all at once. @returns what came of each */
  async reach(targets: readonly string[]): Promise<Readonly<Record<string, Reach>>> {
    return JSON.parse(await this.node('commonjs', CONNECT, targets)) as Record<string, Reach>;
  }

  /** Sends one message. @returns its count; `undefined` if none came */
  async count(url: string): Promise<number | undefined> {
    const output = (await this.node('module', COUNT, [url])).trim();
    return output === '' ? undefined : Number(output);
  }

  /** Runs a script of Node.js there. @returns what it printed */
  node(type: 'commonjs' | 'module', script: string, args: readonly string[]): Promise<string> {
    const command = [NODE, `--input-type=${type}`, '--eval', script, ...args];
    return runWell('kubectl', ['--namespace', this.namespace, 'exec', this.pod, '--', ...command]);
  }
}

/** Manifest of a pod that waits, within the restricted Pod Security Standard. */
function idlePod(namespace: string, name: string, image: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: idle
      image: ${image}
      imagePullPolicy: IfNotPresent
      args: ['--eval', 'setInterval(() => undefined, 1e6)']
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`;
}
