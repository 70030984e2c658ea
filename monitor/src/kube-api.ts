import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { KubeConfig } from '@kubernetes/client-node';
import { CannotWatchError } from './cannot-watch.ts';
import { getText, openStream, type Answer, type RequestOptions } from '../../lib/http-get.ts';
import type { ClusterTarget } from './options.ts';

/** Query of a request; `undefined` is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The API server refused a request, or could not carry it out. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The API server by plain requests, each under a time-out. The library's own calls have none, and its log stream ends the
 * process if the connection breaks (`Readable.fromWeb` without an error listener); so it is used for what it does well:
 * kubeconfig, authentication, watches.
 */
export class KubeApi {
  readonly config: KubeConfig;
  /** Namespace of the context. */
  readonly namespace: string;
  readonly #server: string;

  private constructor(config: KubeConfig, server: string) {
    this.config = config;
    this.#server = server.replace(/\/$/, '');
    this.namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  }

  /**
   * Reads the kubeconfig.
   * @throws {CannotWatchError} if there is none, or it does not have the context
   */
  static load({ kubeconfig, context }: ClusterTarget): KubeApi {
    const config = readKubeconfig(kubeconfig);
    if (context !== undefined) {
      const known = config.getContexts().map(({ name }) => name);
      if (!known.includes(context))
        throw new CannotWatchError(
          'kubeconfig',
          `it has no context "${context}"; it has ${known.join(', ') || 'none'}`,
        );
      config.setCurrentContext(context);
    }
    const cluster = config.getCurrentCluster();
    if (cluster === null)
      throw new CannotWatchError(
        'kubeconfig',
        'no context is current; choose one with --context or kubectl config use-context',
      );
    // Over plain HTTP (kubectl proxy) there is no certificate to skip; the library asks for it all the same.
    config.clusters = config.clusters.map((each) =>
      each.server.startsWith('http:') ? { ...each, skipTLSVerify: true } : each,
    );
    return new KubeApi(config, cluster.server);
  }

  /** Host and port of the API server. */
  get host(): string {
    return new URL(this.#server).host;
  }

  /** @throws {NoAnswerError} */
  async get(path: string, timeoutMs: number, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
    return getText(this.#url(path, query), timeoutMs, await this.#options(signal));
  }

  /**
   * @throws {ApiError} for any answer but 200
   * @throws {NoAnswerError}
   */
  async getJson(path: string, timeoutMs: number, query: Query = {}, signal?: AbortSignal): Promise<unknown> {
    const answer = await this.get(path, timeoutMs, query, signal);
    if (answer.status !== 200) throw apiErrorOf(answer);
    return JSON.parse(answer.body);
  }

  /**
   * Opens a stream, such as a log that is followed.
   * @throws {ApiError} for any answer but 200
   * @throws {NoAnswerError}
   */
  async stream(path: string, timeoutMs: number, query: Query, signal: AbortSignal): Promise<IncomingMessage> {
    const head = new AbortController();
    const timer = setTimeout(() => {
      head.abort(new Error(`no answer from ${this.host} in ${timeoutMs / 1000} s`));
    }, timeoutMs);
    try {
      const options = await this.#options(AbortSignal.any([signal, head.signal]));
      const response = await openStream(this.#url(path, query), options);
      if (response.statusCode === 200) return response;
      throw apiErrorOf({ status: response.statusCode ?? 0, body: Buffer.concat(await response.toArray()).toString() });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Certificates, tokens, proxies: as the kubeconfig has them now, since tokens change. */
  async #options(signal: AbortSignal | undefined): Promise<RequestOptions> {
    const options: RequestOptions = { ...(signal && { signal }) };
    await this.config.applyToHTTPSOptions(options);
    return options;
  }

  #url(path: string, query: Query): URL {
    const url = new URL(this.#server + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }
}

/** The error that an answer other than 200 stands for: the API's `Status` has a message. */
export function apiErrorOf({ status, body }: Answer): ApiError {
  return new ApiError(status, `${status} ${statusMessage(body) ?? body.trim().slice(0, 200)}`);
}

/** The message of a `Status` object of the API; `undefined` for an answer that is someone else's. */
export function statusMessage(body: string): string | undefined {
  try {
    const value = JSON.parse(body) as { kind?: unknown; message?: unknown } | null;
    return value?.kind === 'Status' ? String(value.message) : undefined;
  } catch {
    return undefined;
  }
}

/** What the library falls back to when it finds nothing: no one means it. */
const FALLBACK_SERVER = 'http://localhost:8080';

function readKubeconfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (path !== undefined && !existsSync(path)) throw new CannotWatchError('kubeconfig', `there is no file ${path}`);
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    throw new CannotWatchError('kubeconfig', `it can not be read: ${(error as Error).message}`, error);
  }
  if (path === undefined && config.getCurrentCluster()?.server === FALLBACK_SERVER)
    throw new CannotWatchError('kubeconfig', 'none is there: set KUBECONFIG, or give --kubeconfig');
  return config;
}
