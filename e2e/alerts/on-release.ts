import { kubectl } from '../support/commands.ts';
import { Release } from '../support/release.ts';
import { SETTINGS } from '../support/settings.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Bed } from './bed.ts';
import { DRILLS, runDrill, type Drill } from './drills.ts';
import { proofTable, type Row } from './report.ts';

/** What `--release` and its like say. */
export interface ReleaseOptions {
  readonly release: string;
  readonly namespace: string;
  /** Address of the WebSocket endpoint, as clients use it. */
  readonly url?: string;
  readonly yes: boolean;
  /** Longest wait for an alert to fire, and for it to end. */
  readonly minutes: number;
}

/** Proves alerts on a release that is there, against the Prometheus and the Alertmanager that watch it. */
export class OnRelease {
  readonly #options: ReleaseOptions;
  readonly #release: Release;
  readonly #drills: readonly Drill[];

  /**
   * @param alerts names of the alerts to prove; all that can be, if none is named
   * @throws {Error} naming an alert that can not be proven so
   */
  constructor(options: ReleaseOptions, alerts: readonly string[]) {
    const unknown = alerts.filter((name) => !DRILLS.some(({ alert }) => alert === name));
    if (unknown.length > 0)
      throw new Error(
        `${unknown.join(', ')} can not be proven on a release that is in use: it takes values of its own, or its nodes; those that can are ${DRILLS.map(({ alert }) => alert).join(', ')}`,
      );
    this.#options = options;
    this.#release = Release.existing(options.namespace, options.release);
    this.#drills = DRILLS.filter(({ alert }) => alerts.length === 0 || alerts.includes(alert));
  }

  /** Whether it is to be done. */
  get confirmed(): boolean {
    return this.#options.yes;
  }

  /** What will be done, to whom. */
  get plan(): string {
    const { release, namespace, minutes, yes } = this.#options;
    return [
      `On release ${release} in namespace ${namespace} of the cluster that KUBECONFIG names, one after the other:`,
      ...this.#drills.map(
        ({ alert, severity, fault, noticed }) => `  ${alert} (${severity}): ${fault}. Others notice ${noticed}.`,
      ),
      `Each fault lasts until its alert fires, ${minutes} minutes at most. People are paged: tell them before.`,
      `Prometheus: ${SETTINGS.prometheusUrl} (E2E_PROMETHEUS_URL); Alertmanager: ${SETTINGS.alertmanagerUrl} (E2E_ALERTMANAGER_URL)`,
      ...(yes ? [] : ['Nothing was done: this is a dry run. To do it, add --yes.']),
    ].join('\n');
  }

  /**
   * Looks whether everything is there.
   * @throws {Error} with what is missing and what to do
   */
  async check(): Promise<void> {
    const { namespace, fullName } = this.#release;
    const found = await kubectl(
      '--namespace',
      namespace,
      'get',
      'deployment',
      fullName,
      '--ignore-not-found',
      '--output=name',
    );
    if (found === '')
      throw new Error(
        `there is no Deployment ${fullName} in namespace ${namespace}: is --release or --namespace wrong?`,
      );
    if (new URL(await this.#url()).port === '0')
      throw new Error('its Service has no NodePort: say where clients reach it, --url wss://chat.example.com/ws/chat/');
    const rules = await new Prometheus().rules(namespace, fullName);
    const missing = this.#drills.filter(({ alert }) => !rules.some(({ name }) => name === alert));
    if (missing.length > 0)
      throw new Error(
        `Prometheus has no rule ${missing.map(({ alert }) => alert).join(', ')} of this release: set prometheusRule.enabled=true, and prometheusRule.labels so that it selects the rules`,
      );
  }

  /** Proves them. @returns the table's rows */
  async run(): Promise<readonly Row[]> {
    const { minutes } = this.#options;
    const url = await this.#url();
    const rows: Row[] = [];
    for (const drill of this.#drills) {
      const bed = Bed.around(this.#release, url);
      const undo = (): void => {
        void bed.endFault().finally(() => process.exit(130));
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, undo);
      const { alert, severity, fault } = drill;
      try {
        rows.push({ alert, severity, fault, ...(await runDrill(drill, bed, minutes)) });
      } catch (error) {
        rows.push({ alert, severity, fault, problem: (error as Error).message });
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, undo);
      }
    }
    for (const { alert, problem } of rows) if (problem !== undefined) console.log(`\n${alert}: ${problem}`);
    console.log(`\n${proofTable(rows)}`);
    return rows;
  }

  async #url(): Promise<string> {
    return this.#options.url ?? this.#release.url();
  }
}
