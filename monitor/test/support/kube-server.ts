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

/** How it answers: as it should; not at all though it takes connections; or with 503. */
type Manner = 'well' | 'never' | 'unavailable';

/**
 * An HTTP server that speaks what the monitor asks of the Kubernetes API: lists, watches, logs, the pod proxy. It is there for
 * what a real API server can't be made to do when a test wants it: end watches, hang, forget. The real one has e2e/cases.
 */
export class KubeServer {
  /** Path of a kubeconfig that leads here. */
  readonly kubeconfig: string;
  /** Metrics that each pod has; none answers 503. */
  readonly metrics = new Map<string, () => string>();
  manner: Manner = 'well';
  /** Paths that are forbidden. */
  forbidden: RegExp | undefined;
  readonly #objects = { pods: new Map<string, Kind>(), events: new Map<string, Kind>() };
  readonly #watchers = { pods: new Set<ServerResponse>(), events: new Set<ServerResponse>() };
  /** What watches were told, so that one that begins at an older version is told it too. */
  readonly #history: { readonly kind: 'pods' | 'events'; readonly version: number; readonly line: string }[] = [];
  readonly #logs = new Map<string, ContainerLog>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #port = 0;
  #version = 100;
  #clockMs = Date.now();

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
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'here', cluster: { server: `http://127.0.0.1:${server.#port}` } }],
      users: [{ name: 'me', user: {} }],
      contexts: [{ name: 'here', context: { cluster: 'here', user: 'me', namespace: NAMESPACE } }],
      'current-context': 'here',
    };
    await writeFile(server.kubeconfig, JSON.stringify(config));
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

  /** Makes or changes a pod, and tells who watches unless it happens behind their backs. */
  setPod(name: string, options: PodOptions = {}, silently = false): void {
    this.#set('pods', podOf(name, options), silently);
  }

  deletePod(name: string): void {
    this.#delete('pods', name);
    for (const follower of this.#log(name).followers) follower.end();
  }

  /** Records a Warning event about a pod. */
  warn(pod: string, reason: string, message: string): void {
    const name = `${pod}.${this.#version}`;
    const involvedObject = { kind: 'Pod', name: pod, namespace: NAMESPACE };
    this.#set(
      'events',
      { metadata: metadataOf(name), involvedObject, type: 'Warning', reason, message, count: 1 },
      false,
    );
  }

  /** The container writes a line. */
  write(pod: string, line: object): void {
    // Nanoseconds without zeros at their end, as Go writes them.
    this.#clockMs = Math.max(this.#clockMs + 1, Date.now());
    const at = new Date(this.#clockMs).toISOString().replace(/\.?0*Z$/, 'Z');
    const log = this.#log(pod);
    const entry = { at, text: JSON.stringify(line) };
    log.lines.push(entry);
    for (const follower of log.followers) follower.write(`${entry.at} ${entry.text}\n`);
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

  /** Ends every watch since its version is too old (410 Gone), and forgets what happened. */
  expireWatches(): void {
    const event = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
    for (const watcher of [...this.#watchers.pods, ...this.#watchers.events]) {
      watcher.write(`${JSON.stringify(event)}\n`);
      watcher.end();
    }
  }

  /** Streams of a pod's log that are open. */
  followers(pod: string): number {
    return this.#log(pod).followers.size;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://here');
    if (this.manner === 'never') return;
    if (this.manner === 'unavailable') answerStatus(response, 503, 'ServiceUnavailable', 'etcd is away');
    else if (this.forbidden?.test(url.pathname) === true)
      answerStatus(response, 403, 'Forbidden', `User "me" cannot get ${url.pathname}`);
    else this.#route(url, response);
  }

  #route({ pathname, searchParams }: URL, response: ServerResponse): void {
    const namespaced = `/api/v1/namespaces/${NAMESPACE}`;
    const log = /\/pods\/([^/:]+)\/log$/.exec(pathname)?.[1];
    const proxied = /\/pods\/([^/:]+):8080\/proxy\/metrics\/$/.exec(pathname)?.[1];
    if (pathname === '/version') answerJson(response, { gitVersion: 'v1.34.4' });
    else if (pathname === namespaced) answerJson(response, { kind: 'Namespace', metadata: { name: NAMESPACE } });
    else if (pathname === `${namespaced}/pods`) this.#listOrWatch('pods', searchParams, response);
    else if (pathname === `${namespaced}/events`) this.#listOrWatch('events', searchParams, response);
    else if (log !== undefined) this.#answerLog(log, searchParams, response);
    else if (proxied !== undefined) this.#answerProxied(proxied, response);
    else answerStatus(response, 404, 'NotFound', `${pathname} not found`);
  }

  #listOrWatch(kind: 'pods' | 'events', query: URLSearchParams, response: ServerResponse): void {
    if (query.get('watch') !== 'true') {
      const items = [...this.#objects[kind].values()];
      answerJson(response, { kind: 'List', metadata: { resourceVersion: String(this.#version) }, items });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    this.#watchers[kind].add(response);
    const since = Number(query.get('resourceVersion'));
    for (const event of this.#history) if (event.kind === kind && event.version > since) response.write(event.line);
    response.on('close', () => this.#watchers[kind].delete(response));
  }

  #answerProxied(pod: string, response: ServerResponse): void {
    const metrics = this.metrics.get(pod);
    if (metrics === undefined) answerStatus(response, 503, 'ServiceUnavailable', 'error trying to reach service');
    else response.writeHead(200).end(metrics());
  }

  #answerLog(pod: string, query: URLSearchParams, response: ServerResponse): void {
    const { lines, previous, followers } = this.#log(pod);
    const sinceTime = query.get('sinceTime');
    // The kubelet knows whole seconds alone.
    const sinceMs = sinceTime === null ? 0 : Math.floor(Date.parse(sinceTime) / 1000) * 1000;
    const wanted = (query.get('previous') === 'true' ? previous : lines).filter(({ at }) => Date.parse(at) >= sinceMs);
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    if (query.get('tailLines') !== '0') for (const { at, text } of wanted) response.write(`${at} ${text}\n`);
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

  #set(kind: 'pods' | 'events', object: Kind, silently: boolean): void {
    this.#version += 1;
    const { name } = object.metadata;
    const type = this.#objects[kind].has(name) ? 'MODIFIED' : 'ADDED';
    const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#objects[kind].set(name, versioned);
    if (!silently) this.#tell(kind, type, versioned);
  }

  #delete(kind: 'pods' | 'events', name: string): void {
    const object = this.#objects[kind].get(name);
    this.#objects[kind].delete(name);
    this.#version += 1;
    if (object !== undefined) this.#tell(kind, 'DELETED', object);
  }

  #tell(kind: 'pods' | 'events', type: string, object: Kind): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ kind, version: this.#version, line });
    for (const watcher of this.#watchers[kind]) watcher.write(line);
  }
}

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly [field: string]: unknown;
}

type Kind = { readonly metadata: Metadata } & Readonly<Record<string, unknown>>;

function metadataOf(name: string): Metadata {
  return { name, namespace: NAMESPACE, uid: `uid-${name}` };
}

function podOf(name: string, options: PodOptions): Kind {
  const { ready = true, restarts = 0, terminating = false, created = new Date() } = options;
  const { state = { running: {} }, lastState = {} } = options;
  return {
    metadata: {
      ...metadataOf(name),
      creationTimestamp: created.toISOString(),
      ...(terminating && { deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 60 }),
    },
    spec: {
      nodeName: 'node1',
      containers: [{ name: 'main', image: 'counter:1', ports: [{ name: 'http', containerPort: 8080 }] }],
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
