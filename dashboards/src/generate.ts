/**
 * Writes the dashboards as Grafana reads them. `--check` writes nothing and exits with 1 if something would change.
 * `npx node dashboards/src/generate.ts`
 */
import { generate, type GeneratedFiles } from '../../lib/generated-files.ts';
import { logs } from './logs.ts';
import { overview } from './overview.ts';

/** Contents of the generated files, by path from the project's root. */
export function generatedFiles(): GeneratedFiles {
  const dashboards = { 'websocket-overview.json': overview(), 'websocket-logs.json': logs() };
  const files = Object.entries(dashboards).flatMap(([name, dashboard]): [string, string][] => {
    const json = `${JSON.stringify(dashboard, null, 2)}\n`;
    // Helm reads only files inside of the chart.
    return [
      [`dashboards/${name}`, json],
      [`chart/files/dashboards/${name}`, json],
    ];
  });
  return new Map(files);
}

if (import.meta.main) generate(generatedFiles(), 'npx node dashboards/src/generate.ts');
