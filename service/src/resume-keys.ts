import type { Config } from './config/options.ts';
import type { Logger } from './log/logger.ts';
import { KeyFiles } from './sessions/key-files.ts';
import { KeyRing } from './sessions/key-ring.ts';
import { ResumeTokens } from './sessions/resume-token.ts';

/** The resume tokens, and the keys that sign them, from variables or from files. */
export class ResumeKeys {
  readonly tokens: ResumeTokens;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #ring: KeyRing;
  #files: KeyFiles | undefined;

  private constructor(config: Config, logger: Logger) {
    const { resumeTokenTtlSeconds: ttlSeconds, resumeTokenKeyDelaySeconds: delaySeconds } = config;
    this.#config = config;
    this.#logger = logger;
    this.#ring = new KeyRing({ ttlSeconds, delaySeconds });
    this.tokens = new ResumeTokens({ keys: this.#ring, ttlSeconds });
  }

  /** @returns `undefined` if no key is configured */
  static from(config: Config, logger: Logger): ResumeKeys | undefined {
    const isConfigured = config.resumeTokenKey !== '' || config.resumeTokenKeyFile !== '';
    return isConfigured ? new ResumeKeys(config, logger) : undefined;
  }

  /**
   * Reads the keys, and follows their files. There is no key to sign with before.
   * @throws {Error} naming the variable and its file, if there is no key in it
   */
  async open(): Promise<void> {
    const { resumeTokenKey: key, resumeTokenPreviousKey: previousKey, ...config } = this.#config;
    const paths = { key: config.resumeTokenKeyFile, previousKey: config.resumeTokenPreviousKeyFile };
    this.#ring.set(paths.key === '' ? { key, previousKey } : await this.#openFiles(new KeyFiles(paths)));
  }

  close(): void {
    this.#files?.close();
  }

  #openFiles(files: KeyFiles): ReturnType<KeyFiles['open']> {
    this.#files = files;
    files.on('changed', (keys) => {
      const seconds = this.#ring.set(keys);
      this.#logger.info('The keys of resume tokens changed', {
        event: 'resume_keys_changed',
        signs_in_seconds: seconds,
      });
    });
    files.on('failed', (detail) => {
      this.#logger.error('The keys of resume tokens can not be read', { event: 'resume_keys_failed', detail });
    });
    return files.open();
  }
}
