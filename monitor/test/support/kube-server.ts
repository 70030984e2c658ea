import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Namespace that its pods are in. */
export const NAMESPACE = 'chat';

/** What a pod is like. */
export interface PodOptions {
  readonly ready?: boolean;
  readonly restarts?: number;
  readonly terminating?: boolean;
  readonly created?: Date;
  /** State of the container: `{ running: {} }` if not given. */
  readonly state?: object;
  readonly lastState?: object;
}

interface LogLine {
  readonly at: string;
  readonly text: string;
}

interface ContainerLog {
  lines: LogLine[];
  previous: LogLine[];
  readonly followers: Set<ServerResponse>;
}

/**
 * An HTTP server that speaks what the monitor asks of the Kubernetes API: lists and watches of pods, logs, the pod proxy. It is there for
 * what a real API server can't be made to do when a test wants it: hang, go away, cut streams. The real one has e2e/cases.
 */
export class KubeServer {
  /** Path of a kubeconfig that leads here. */
  readonly kubeconfig: string;
  /** Metrics that each pod has; none answers 503. */
  readonly metrics = new Map<string, () => string>();
  /** It takes connections and requests, and does not answer them. */
  hangs = false;
  /** Paths that are forbidden. */
  forbidden: RegExp | undefined;
  readonly #pods = new Map<string, Pod>();
  readonly #watchers = new Set<ServerResponse>();
  /** What watches received, so that one that begins at an older version receives it too. */
  readonly #history: { readonly version: number; readonly line: string }[] = [];
  readonly #logs = new Map<string, ContainerLog>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #port = 0;
  #version = 100;
  #clockMs = 0;

  private constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
    this.#server = createServer((request, response) => {
      this.#answer(request, response);
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(t: TestContext): Promise<KubeServer> {
    const folder = await mkdtemp(join(tmpdir(), 'kube-server-'));
    const server = new KubeServer(join(folder, 'kubeconfig'));
    await server.up();
    t.after(async () => {
      server.down();
      await rm(folder, { recursive: true });
    });
    await writeFile(server.kubeconfig, kubeconfigOf(`http://127.0.0.1:${server.#port}`));
    return server;
  }

  /** Answers, on the port it had. */
  async up(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections, and cuts those there are. */
  down(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Makes or changes a pod, and notifies who watches. */
  setPod(name: string, options: PodOptions = {}): void {
    const type = this.#pods.has(name) ? 'MODIFIED' : 'ADDED';
    this.#version += 1;
    const pod = podOf(name, options, String(this.#version));
    this.#pods.set(name, pod);
    this.#notify(type, pod);
  }

  deletePod(name: string): void {
    const pod = this.#pods.get(name);
    this.#pods.delete(name);
    this.#version += 1;
    if (pod !== undefined) this.#notify('DELETED', pod);
    for (const follower of this.#log(name).followers) follower.end();
  }

  /** The container writes a line. */
  write(pod: string, line: object, atMs = Date.now()): void {
    this.#clockMs = Math.max(this.#clockMs + 1, atMs);
    // The kubelet writes all nine decimals.
    const at = new Date(this.#clockMs).toISOString().replace('Z', '000000Z');
    const log = this.#log(pod);
    log.lines.push({ at, text: JSON.stringify(line) });
    for (const follower of log.followers) follower.write(`${at} ${JSON.stringify(line)}\n`);
  }

  /** The container ends and another instance begins: its log is the previous one from now on, and who follows it is at its end. */
  rotateInstance(pod: string): void {
    const log = this.#log(pod);
    for (const follower of log.followers) follower.end();
    log.followers.clear();
    log.previous = log.lines;
    log.lines = [];
  }

  /** Ends the streams of a log in order though its container runs, as an idle time-out on the way does, or breaks them. */
  endLogStreams(pod: string, how: 'in order' | 'broken'): void {
    const { followers } = this.#log(pod);
    for (const follower of followers) {
      if (how === 'in order') follower.end();
      else follower.destroy();
    }
    followers.clear();
  }

  /** Streams of a pod's log that are open. */
  followers(pod: string): number {
    return this.#log(pod).followers.size;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://here');
    if (this.hangs) return;
    if (this.forbidden?.test(url.pathname) === true)
      answerStatus(response, 403, 'Forbidden', `User "me" cannot get ${url.pathname}`);
    else this.#route(url, response);
  }

  #route({ pathname, searchParams }: URL, response: ServerResponse): void {
    const namespaced = `/api/v1/namespaces/${NAMESPACE}`;
    const log = /\/pods\/([^/:]+)\/log$/.exec(pathname)?.[1];
    const proxied = /\/pods\/([^/:]+):8082\/proxy\/metrics\/$/.exec(pathname)?.[1];
    if (pathname === `${namespaced}/pods`) this.#listOrWatch(searchParams, response);
    else if (log !== undefined) this.#answerLog(log, searchParams, response);
    else if (proxied !== undefined) this.#answerProxied(proxied, response);
    else answerStatus(response, 404, 'NotFound', `${pathname} not found`);
  }

  #listOrWatch(query: URLSearchParams, response: ServerResponse): void {
    if (query.get('watch') !== 'true') {
      const items = [...this.#pods.values()];
      answerJson(response, { kind: 'List', metadata: { resourceVersion: String(this.#version) }, items });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    this.#watchers.add(response);
    const since = Number(query.get('resourceVersion'));
    for (const { version, line } of this.#history) if (version > since) response.write(line);
    response.on('close', () => this.#watchers.delete(response));
  }

  #answerProxied(pod: string, response: ServerResponse): void {
    const metrics = this.metrics.get(pod);
    if (metrics === undefined) answerStatus(response, 503, 'ServiceUnavailable', 'error trying to reach service');
    else response.writeHead(200).end(metrics());
  }

  #answerLog(pod: string, query: URLSearchParams, response: ServerResponse): void {
    const { lines, previous, followers } = this.#log(pod);
    const sinceSeconds = query.get('sinceSeconds');
    const sinceTime = sinceSeconds === null ? query.get('sinceTime') : Date.now() - Number(sinceSeconds) * 1000;
    // The kubelet knows whole seconds alone.
    const sinceMs = sinceTime === null ? 0 : Math.floor(new Date(sinceTime).getTime() / 1000) * 1000;
    const wanted = (query.get('previous') === 'true' ? previous : lines).filter(({ at }) => Date.parse(at) >= sinceMs);
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    for (const { at, text } of wanted) response.write(`${at} ${text}\n`);
    if (query.get('follow') !== 'true') {
      response.end();
      return;
    }
    followers.add(response);
    response.on('close', () => followers.delete(response));
  }

  #log(pod: string): ContainerLog {
    const log = this.#logs.get(pod) ?? { lines: [], previous: [], followers: new Set() };
    this.#logs.set(pod, log);
    return log;
  }

  #notify(type: string, object: Pod): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ version: this.#version, line });
    for (const watcher of this.#watchers) watcher.write(line);
  }
}

/** A kubeconfig that leads to an API server. */
export function kubeconfigOf(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'here', cluster: { server } }],
    users: [{ name: 'me', user: {} }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'me', namespace: NAMESPACE } }],
    'current-context': 'here',
  });
}

/** As the chart has them: metrics are on a port of their own. */
const PORTS = [
  { name: 'http', containerPort: 8080 },
  { name: 'metrics', containerPort: 8082 },
];

type Pod = Readonly<Record<string, unknown>>;

function podOf(name: string, options: PodOptions, resourceVersion: string): Pod {
  const { ready = true, restarts = 0, terminating = false, created = new Date() } = options;
  const { state = { running: {} }, lastState = {} } = options;
  return {
    metadata: {
      name,
      namespace: NAMESPACE,
      uid: `uid-${name}`,
      resourceVersion,
      creationTimestamp: created.toISOString(),
      ...(terminating && { deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 60 }),
    },
    spec: {
      nodeName: 'node1',
      containers: [{ name: 'main', image: 'counter:1', ports: PORTS }],
    },
    status: {
      phase: 'Running',
      podIP: '192.0.2.1',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [{ name: 'main', image: 'counter:1', restartCount: restarts, state, lastState }],
    },
  };
}

function answerJson(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function answerStatus(response: ServerResponse, code: number, reason: string, message: string): void {
  response
    .writeHead(code, { 'content-type': 'application/json' })
    .end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code }));
}
