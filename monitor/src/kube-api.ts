import type { RequestOptions } from 'node:https';
import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import { getText, type Answer } from '../../lib/http-get.ts';
import type { Settings } from './command-line.ts';
import { KUBECONFIG, readKubeconfig, serverOf } from './kubeconfig.ts';
import { CannotWatchError } from './report.ts';
import { errorText } from './service-http.ts';

/** The API server by its kubeconfig. The library's own calls have no time-out, so requests are plain ones, each under one. */
export class KubeApi {
  readonly config: KubeConfig;
  /** Namespace of the context. */
  readonly namespace: string;
  readonly #server: URL;

  /**
   * Reads the kubeconfig.
   * @throws {CannotWatchError} if there is none, or it does not say which API server to ask
   */
  constructor({ kubeconfig, context }: Pick<Settings, 'kubeconfig' | 'context'>) {
    this.config = readKubeconfig(kubeconfig);
    if (context !== undefined) this.config.setCurrentContext(context);
    // The library's type says it is always there.
    const name = this.config.getCurrentContext() as string | undefined;
    const cluster = this.config.getCurrentCluster();
    if (name === undefined || cluster === null) throw noCluster(this.config, name);
    this.#server = serverOf(cluster, this.config.getCurrentUser());
    this.config.clusters = this.config.clusters.map((each) => (each === cluster ? this.#withServer(each) : each));
    this.namespace = this.config.getContextObject(name)?.namespace ?? 'default';
  }

  /** Host and port of the API server. */
  get host(): string {
    return this.#server.host;
  }

  /**
   * @throws {NoAnswerError}
   * @throws {CannotWatchError} if what the kubeconfig says of credentials can't be used
   */
  async get(path: string, timeoutMs: number): Promise<Answer> {
    return getText(new URL(this.#base + path), timeoutMs, await this.#options());
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

  /** Of a server at a path it is the beginning of every other. */
  get #base(): string {
    return this.#server.href.replace(/\/$/, '');
  }

  /** Certificates, tokens, proxies: as the kubeconfig has them now, since tokens change. */
  async #options(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    try {
      await this.config.applyToHTTPSOptions(options);
      return options;
    } catch (error) {
      // A text that should be JSON stands in the error, and may be a token.
      const said = firstLine(error) === '' ? 'the credential plugin failed' : firstLine(error);
      const reason = error instanceof SyntaxError ? 'what the credential plugin printed is no JSON' : said;
      throw new CannotWatchError(KUBECONFIG, `its certificates or credentials can not be used: ${reason}`, error);
    }
  }

  #withServer(cluster: Cluster): Cluster {
    // Over plain HTTP (kubectl proxy) there is no certificate to skip; the library asks for it all the same.
    const skipTLSVerify = cluster.skipTLSVerify || this.#server.protocol === 'http:';
    return { ...cluster, server: this.#base, skipTLSVerify };
  }
}

function noCluster(config: KubeConfig, name: string | undefined): CannotWatchError {
  const known = config.getContexts().map((each) => each.name);
  const missing =
    name === undefined || name === '' ? 'no current context' : `no context ${JSON.stringify(name)} with a cluster`;
  const advice = known.length === 0 ? 'there is none' : `choose one with --context: ${known.join(', ')}`;
  return new CannotWatchError(KUBECONFIG, `it has ${missing}; ${advice}`);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
