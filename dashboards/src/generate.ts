/**
 * Writes the dashboards as Grafana reads them, and the page that lists their panels. `--check` writes nothing and exits with 1
 * if something would change. `npx node dashboards/src/generate.ts`
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dashboardsPage } from './docs.ts';
import { logs } from './logs.ts';
import { overview } from './overview.ts';

const root = new URL('../../', import.meta.url);

/** Contents of the generated files, by path from the project's root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const dashboards = { 'websocket-overview.json': overview(), 'websocket-logs.json': logs() };
  const files = Object.entries(dashboards).flatMap(([name, dashboard]): [string, string][] => {
    const json = `${JSON.stringify(dashboard, null, 2)}\n`;
    // Helm reads only files inside of the chart.
    return [
      [`dashboards/${name}`, json],
      [`chart/files/dashboards/${name}`, json],
    ];
  });
  return new Map([...files, ['docs/dashboards.md', dashboardsPage()]]);
}

/** Paths of the generated files that differ from what they should be. */
export function staleFiles(): string[] {
  return [...generatedFiles()].filter(([path, content]) => readIfThere(path) !== content).map(([path]) => path);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  const stale = staleFiles();
  const files = generatedFiles();
  for (const path of stale) {
    process.stdout.write(
      check ? `${path} is out of date: run npx node dashboards/src/generate.ts\n` : `wrote ${path}\n`,
    );
    if (check) continue;
    const url = new URL(path, root);
    mkdirSync(new URL('.', url), { recursive: true });
    writeFileSync(url, files.get(path) ?? '');
  }
  process.exitCode = check && stale.length > 0 ? 1 : 0;
}
