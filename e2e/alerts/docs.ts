import { provenAlerts, readKept } from './kept.ts';
import { PROOFS } from './proofs.ts';
import { healthyLines, proofTable, walkTable } from './report.ts';

/** Generated blocks of docs/alert-proofs.md, from e2e/alerts/results.json. */
export function proofBlocks(): Readonly<Record<string, string>> {
  const kept = readKept();
  const all = new Set(PROOFS.map(({ alert }) => alert));
  const proven = provenAlerts(kept, PROOFS);
  const missing = [...all].filter((name) => !proven.includes(name));
  return {
    proofs: proofTable(kept.alerts),
    walks: walkTable(kept.alerts),
    proven: `Alerts proven: ${proven.length} / ${all.size}.${missing.length === 0 ? '' : ` Not proven yet: ${missing.join(', ')}.`}`,
    healthy: kept.healthy === undefined ? 'Not run yet.' : `\`\`\`\n${healthyLines(kept.healthy)}\n\`\`\``,
  };
}
