import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { CHART, runWell } from '../chart/tools.ts';

/** An image by its digest. */
export interface ImageName {
  readonly repository: string;
  readonly digest: string;
}

/**
 * Packages the chart with the image that it was released with in its defaults.
 * @param folder for the package and a copy of the chart
 * @returns path of the package
 */
export function packageChart(folder: string, version: string, image: ImageName): string {
  const copy = join(folder, 'chart');
  cpSync(CHART, copy, { recursive: true });
  const values = join(copy, 'values.yaml');
  writeFileSync(values, withImage(readFileSync(values, 'utf8'), image));
  const chart = join(copy, 'Chart.yaml');
  writeFileSync(chart, withListedImage(readFileSync(chart, 'utf8'), image));
  runWell('helm', ['package', copy, '--version', version, '--app-version', version, '--destination', folder]);
  return join(folder, `websocket-message-counter-${version}.tgz`);
}

/** The chart's values with another image of the service. */
export function withImage(values: string, { repository, digest }: ImageName): string {
  const document = parseDocument(values);
  document.setIn(['image', 'repository'], repository);
  document.setIn(['image', 'digest'], digest);
  return document.toString({ lineWidth: 0 });
}

/** Chart.yaml with another image of the service in the list for Artifact Hub. */
export function withListedImage(chart: string, { repository, digest }: ImageName): string {
  return chart.replace(/^( +image: )websocket-message-counter:.*$/m, `$1${repository}@${digest}`);
}

/** The image that a package's defaults have. */
export function imageIn(chartPackage: string): ImageName {
  const { image } = parse(runWell('helm', ['show', 'values', chartPackage])) as { image: ImageName };
  return image;
}
