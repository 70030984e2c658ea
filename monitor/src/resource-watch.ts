import { ListWatch, Watch, type KubernetesObject } from '@kubernetes/client-node';
import type { KubernetesListObject } from '@kubernetes/client-node';
import type { KubeApi } from './kube-api.ts';
import { pause } from './waiting.ts';

const LIST_TIMEOUT_MS = 10_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5000;

/** Who is told of what happens to the objects. */
export interface ResourceListener<T> {
  /** An object is new, or another version of it came. */
  readonly seen: (object: T) => void;
  readonly gone: (object: T) => void;
  /** The watch broke or could not be made. It is tried again. */
  readonly failed: (error: Error) => void;
}

/** Objects to watch. */
export interface Resource {
  /** Path of the list, such as `/api/v1/namespaces/chat/pods`. */
  readonly path: string;
  readonly labelSelector?: string;
}

/**
 * Watches objects of one kind for as long as it runs. The library's informer goes on by itself after a quiet time and after an
 * orderly end, but stops at any other error, and can't be started again while its last watch is still ending: that would
 * abort the new one. So each attempt has an informer of its own, and objects are compared over attempts: nothing that came,
 * changed or went meanwhile is missed.
 */
export class ResourceWatch<T extends KubernetesObject> {
  readonly #api: KubeApi;
  readonly #resource: Resource;
  readonly #listener: ResourceListener<T>;
  readonly #objects = new Map<string, T>();
  readonly #stopped = new AbortController();
  #informer: ListWatch<T> | undefined;
  #retrying = false;

  constructor(api: KubeApi, resource: Resource, listener: ResourceListener<T>) {
    this.#api = api;
    this.#resource = resource;
    this.#listener = listener;
  }

  /**
   * Lists the objects and begins to watch them.
   * @throws {Error} if the first attempt fails
   */
  async start(): Promise<void> {
    const failure = await this.#connect();
    if (failure !== undefined) throw failure;
  }

  /** Begins anew, since the watch may be dead without knowing. */
  async renew(): Promise<void> {
    if (this.#retrying || this.#stopped.signal.aborted) return;
    this.#retrying = true;
    try {
      for (let delayMs = RETRY_MIN_MS; !this.#stopped.signal.aborted; delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)) {
        const failure = await this.#connect();
        if (failure === undefined) return;
        this.#listener.failed(failure);
        await pause(delayMs * (0.5 + Math.random() / 2), this.#stopped.signal);
      }
    } finally {
      this.#retrying = false;
    }
  }

  stop(): void {
    this.#stopped.abort();
    void this.#informer?.stop();
  }

  async #connect(): Promise<Error | undefined> {
    void this.#informer?.stop();
    const { path, labelSelector } = this.#resource;
    const informer = new ListWatch<T>(
      path,
      new CarefulWatch(this.#api.config),
      () => this.#list(),
      false,
      labelSelector,
    );
    this.#informer = informer;
    const current = (): boolean => this.#informer === informer && !this.#stopped.signal.aborted;
    let failure: Error | undefined;
    let connected = false;
    informer.on('change', (object) => {
      if (current()) this.#keep(object);
    });
    informer.on('delete', (object) => {
      if (current()) this.#drop(object);
    });
    informer.on('error', (error: unknown) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
      if (!connected || !current()) return;
      this.#listener.failed(failure);
      void this.renew();
    });
    await informer.start();
    connected = failure === undefined;
    return failure;
  }

  async #list(): Promise<KubernetesListObject<T>> {
    const { path, labelSelector } = this.#resource;
    const list = (await this.#api.getJson(path, LIST_TIMEOUT_MS, { labelSelector })) as KubernetesListObject<T>;
    const listed = new Set(list.items.map(keyOf));
    for (const [key, object] of this.#objects) if (!listed.has(key)) this.#drop(object);
    return list;
  }

  #keep(object: T): void {
    const key = keyOf(object);
    const known = this.#objects.get(key)?.metadata?.resourceVersion;
    if (known !== undefined && known === object.metadata?.resourceVersion) return;
    this.#objects.set(key, object);
    this.#listener.seen(object);
  }

  #drop(object: T): void {
    if (this.#objects.delete(keyOf(object))) this.#listener.gone(object);
  }
}

/** A watch whose preparation (an authentication plugin, a token file) failed ends as any other, rather than with an unhandled rejection. */
class CarefulWatch extends Watch {
  override async watch(...args: Parameters<Watch['watch']>): Promise<AbortController> {
    try {
      return await super.watch(...args);
    } catch (error) {
      args[3](error);
      return new AbortController();
    }
  }
}

function keyOf({ metadata }: KubernetesObject): string {
  return metadata?.uid ?? `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
