import { KubeConfig } from '@kubernetes/client-node';
import { getText, type Answer } from '../../lib/http-get.ts';
import type { Settings } from './command-line.ts';
import { CannotWatchError } from './report.ts';
import { errorText } from './service-http.ts';

/** The API server by its kubeconfig. The library's own calls have no time-out, so requests are plain ones, each under one. */
export class KubeApi {
  readonly config: KubeConfig;
  /** Namespace of the context. */
  readonly namespace: string;
  readonly #server: string;

  /**
   * Reads the kubeconfig.
   * @throws {CannotWatchError} if there is none, or it does not say which API server to ask
   */
  constructor({ kubeconfig, context }: Pick<Settings, 'kubeconfig' | 'context'>) {
    this.config = readKubeconfig(kubeconfig);
    if (context !== undefined) this.config.setCurrentContext(context);
    const name = this.config.getCurrentContext();
    const cluster = this.config.getCurrentCluster();
    if (cluster === null) {
      const known = this.config.getContexts().map((each) => each.name);
      throw new CannotWatchError(
        'kubeconfig',
        `it has no context ${JSON.stringify(name)} with a cluster; choose one with --context: ${known.join(', ') || 'there is none'}`,
      );
    }
    if (!URL.canParse(cluster.server))
      throw new CannotWatchError('kubeconfig', `the server ${JSON.stringify(cluster.server)} of "${name}" is no URL`);
    // Over plain HTTP (kubectl proxy) there is no certificate to skip; the library asks for it all the same.
    this.config.clusters = this.config.clusters.map((each) =>
      each.server.startsWith('http:') ? { ...each, skipTLSVerify: true } : each,
    );
    this.#server = cluster.server.replace(/\/$/, '');
    this.namespace = this.config.getContextObject(name)?.namespace ?? 'default';
  }

  /** Host and port of the API server. */
  get host(): string {
    return new URL(this.#server).host;
  }

  /** @throws {NoAnswerError} */
  async get(path: string, timeoutMs: number): Promise<Answer> {
    // Certificates, tokens, proxies: as the kubeconfig has them now, since tokens change.
    const options = {};
    await this.config.applyToHTTPSOptions(options);
    return getText(new URL(this.#server + path), timeoutMs, options);
  }

  /**
   * @throws {NoAnswerError}
   * @throws {Error} for any answer but 200, with what the API server says
   */
  async getJson<T>(path: string, timeoutMs: number): Promise<T> {
    const { status, body } = await this.get(path, timeoutMs);
    if (status !== 200) throw new Error(`${this.host} answered ${status}: ${errorText(body)}`);
    return JSON.parse(body) as T;
  }
}

/** What the library falls back to when it finds nothing: no one means it. */
const FALLBACK_SERVER = 'http://localhost:8080';

function readKubeconfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    throw new CannotWatchError(
      'kubeconfig',
      `it can not be read: ${(error as Error).message.split('\n', 1)[0] ?? ''}`,
      error,
    );
  }
  if (path === undefined && config.getCurrentCluster()?.server === FALLBACK_SERVER)
    throw new CannotWatchError('kubeconfig', 'none is there: set KUBECONFIG, or give --kubeconfig');
  return config;
}
