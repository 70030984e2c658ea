import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TOOLS } from '../scripts/tools.ts';
import { freePort } from './free-port.ts';
import { Inbox } from './inbox.ts';
import type { Cleanup } from './redis.ts';

/** Why tests with a real OpenTelemetry Collector can't run here; `false` if they can. */
export const NO_COLLECTOR = TOOLS.otelcol.find() === undefined && `otelcol is missing: ${TOOLS.otelcol.howToGet}`;

/** A span as the collector's debug exporter prints it: `Name`, `Trace ID`, `Parent ID`, `Status code`, and its attributes. */
export type CollectedSpan = ReadonlyMap<string, string>;

/** A real OpenTelemetry Collector that takes OTLP over HTTP and keeps the spans. */
export class OtelCollector {
  readonly url: string;
  /** Spans that arrived, for those who wait for one. */
  readonly spans = new Inbox<CollectedSpan>();

  private constructor(url: string) {
    this.url = url;
  }

  /** Starts one, which ends with the test, and waits until it takes spans. */
  static async start(t: Cleanup): Promise<OtelCollector> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wmc-otelcol-'));
    const file = join(folder, 'config.yaml');
    writeFileSync(file, configuration(port));
    const child = spawn(TOOLS.otelcol.find() ?? '', ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    });
    const collector = new OtelCollector(`http://127.0.0.1:${port}`);
    const { promise: ready, resolve, reject } = Promise.withResolvers<undefined>();
    child.on('exit', (status) => {
      reject(new Error(`the collector ended with status ${status}`));
    });
    let span: Map<string, string> | undefined;
    createInterface(child.stderr).on('line', (line) => {
      if (line.includes('Everything is ready')) resolve(undefined);
      const [, name = '', typed, plain = ''] = FIELD.exec(line) ?? [];
      if (name !== '') span?.set(name, typed ?? plain);
      else if (span !== undefined && span.size > 0 && !PART.test(line)) {
        collector.spans.put(span);
        span = undefined;
      }
      if (/^Span #\d+/.test(line)) span = new Map();
    });
    await ready;
    return collector;
  }
}

/** A line between the fields of one span. */
const PART = /^(Attributes|Events|Links):/;
/** `    Name           : drain`, or `     -> reason: Str(SIGTERM)`. */
const FIELD = /^\s+(?:-> )?([A-Za-z][\w. -]*?)\s*: ?(?:\w+\((.*)\)|(.*))$/;

function configuration(port: number): string {
  return `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}}
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
`;
}
