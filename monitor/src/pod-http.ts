import http from 'node:http';
import { Duplex, PassThrough, Writable } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import { USER_AGENT, type Answer } from '../../lib/http-get.ts';
import { ApiError, statusMessage, type KubeApi } from './kube-api.ts';

/** Where a pod serves. */
export interface PodAddress {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/**
 * Asks pods over HTTP, by the API server's pod proxy: one plain GET that passes every proxy and says clearly what went wrong.
 * Where that way is closed (no permission for `pods/proxy`, or a NetworkPolicy or firewall between the API server and the
 * pods), by a port-forward, which ends inside the pod and needs no network way to it.
 */
export class PodHttp {
  readonly #api: KubeApi;
  readonly #onForward: (reason: string) => void;
  #forward = false;

  /** @param onForward told once when port-forwards are used from then on, with why the proxy is not */
  constructor(api: KubeApi, onForward: (reason: string) => void) {
    this.#api = api;
    this.#onForward = onForward;
  }

  /**
   * @throws {ApiError} if neither way leads to the pod
   * @throws {NoAnswerError} if the API server does not answer
   */
  async get(address: PodAddress, path: string, timeoutMs: number): Promise<Answer> {
    if (this.#forward) return this.#getForwarded(address, path, timeoutMs);
    const { namespace, pod, port } = address;
    const answer = await this.#api.get(`/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy${path}`, timeoutMs);
    const refusal = statusMessage(answer.body);
    if (refusal === undefined) return answer;
    const reason = `the API server's proxy to the pod answered ${answer.status}: ${refusal}`;
    const forwarded = await this.#getForwarded(address, path, timeoutMs).catch((error: unknown) => {
      throw new ApiError(answer.status, `${reason}; and port-forward: ${(error as Error).message}`);
    });
    this.#forward = true;
    this.#onForward(reason);
    return forwarded;
  }

  async #getForwarded({ namespace, pod, port }: PodAddress, path: string, timeoutMs: number): Promise<Answer> {
    const signal = AbortSignal.timeout(timeoutMs);
    const tunnel = await within(this.#openTunnel(namespace, pod, port), signal);
    try {
      return await getOver(tunnel, path, signal);
    } finally {
      tunnel.destroy();
    }
  }

  /** A port-forward as the socket that it is. */
  async #openTunnel(namespace: string, pod: string, port: number): Promise<Duplex> {
    const input = new PassThrough();
    const tunnel = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        input.write(chunk);
        done();
      },
      destroy: (error, done) => {
        // Ending its input is how the library is told to close.
        input.end();
        done(error);
      },
    });
    // Errors reach the request; this keeps one that comes after it from ending the process.
    tunnel.on('error', () => undefined);
    const output = writable((chunk) => tunnel.push(chunk));
    // The first message of a channel is its port, which the library cuts off: nothing is left of it.
    const errors = writable((chunk) => tunnel.destroy(new Error(chunk.toString('utf8').trim())));
    const socket = await new PortForward(this.#api.config).portForward(namespace, pod, [port], output, errors, input);
    if ('onclose' in socket)
      socket.onclose = () => {
        tunnel.push(null);
      };
    return tunnel;
  }
}

function writable(receive: (chunk: Buffer) => void): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (chunk.length > 0) receive(chunk);
      done();
    },
  });
}

/** Listens to the tunnel itself too: a request does not hear of a socket that was closed before it had it. */
function getOver(tunnel: Duplex, path: string, signal: AbortSignal): Promise<Answer> {
  const headers = { host: 'localhost', connection: 'close', 'user-agent': USER_AGENT };
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(
        signal.aborted ? new Error('no answer in time') : (tunnel.errored ?? new Error('the port-forward was cut')),
      );
    };
    signal.addEventListener('abort', fail);
    tunnel.on('close', fail);
    if (tunnel.destroyed) fail();
    const request = http.get({ path, headers, createConnection: () => tunnel }, (response) => {
      response.toArray().then((chunks: Buffer[]) => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      }, reject);
    });
    request.on('error', reject);
  });
}

/** The library's promises know no time-out. What comes too late is closed unseen. */
function within(tunnel: Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('no port-forward in time'));
    });
    tunnel.then(
      (duplex) => {
        if (signal.aborted) duplex.destroy();
        else resolve(duplex);
      },
      (error: unknown) => {
        // The library rejects with the WebSocket's error event, which is no Error.
        reject(new Error((error as { message?: string }).message ?? 'the API server refused it'));
      },
    );
  });
}
