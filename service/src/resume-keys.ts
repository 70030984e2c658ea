import { MountedFiles } from './config/mounted-files.ts';
import { MIN_KEY_LENGTH, type Config } from './config/options.ts';
import type { Logger } from './log/logger.ts';
import { KeyRing, type Keys } from './sessions/key-ring.ts';
import { ResumeTokens } from './sessions/resume-token.ts';

/** The resume tokens, and the keys that sign them, from variables or from files. */
export class ResumeKeys {
  readonly tokens: ResumeTokens;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #ring: KeyRing;
  #files: MountedFiles<keyof Keys> | undefined;

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
    const { resumeTokenKey: key, resumeTokenPreviousKey: previousKey, resumeTokenKeyFile } = this.#config;
    this.#ring.set(resumeTokenKeyFile === '' ? { key, previousKey } : await this.#openFiles(keyFiles(this.#config)));
  }

  close(): void {
    this.#files?.close();
  }

  #openFiles(files: MountedFiles<keyof Keys>): Promise<Keys> {
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

function keyFiles({ resumeTokenKeyFile, resumeTokenPreviousKeyFile }: Config): MountedFiles<keyof Keys> {
  const problem = ({ length }: string): string | undefined =>
    length < MIN_KEY_LENGTH ? `holds ${length} characters: a key has at least ${MIN_KEY_LENGTH}` : undefined;
  return new MountedFiles({
    key: { variable: 'RESUME_TOKEN_KEY_FILE', path: resumeTokenKeyFile, problem },
    previousKey: {
      variable: 'RESUME_TOKEN_PREVIOUS_KEY_FILE',
      path: resumeTokenPreviousKeyFile,
      optional: true,
      problem,
    },
  });
}
