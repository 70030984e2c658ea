import { RELEASE } from './names.ts';
import { platform } from './platforms.ts';
import { deleteRecord, KUBECONFIG, LOG, type TrialRecord } from './record.ts';
import { Runner } from './runner.ts';
import { TOOL_CACHE } from '../../scripts/tools.ts';

/** Removes what a trial made: a cluster that it started, else its release and namespace; the image; the record. */
export async function takeDown(record: TrialRecord): Promise<void> {
  const place = platform(record.on, { ...record, kubeconfig: KUBECONFIG, testbed: TOOL_CACHE });
  const runner = new Runner(place, record.namespace, LOG);
  const again = 'mend that, then npm run try -- --down';
  const isGone = place.probe !== undefined && !(await runner.has(place.probe));
  if (isGone) console.log(`── ${place.label} is gone already`);
  else if (record.started) await runner.step(`delete ${place.label}`, place.stop, again);
  else
    await runner.step(
      `remove the release from ${place.label}`,
      [
        runner.helm('uninstall', RELEASE, '--ignore-not-found', '--wait'),
        runner.kubectl('delete', 'namespace', record.namespace, '--ignore-not-found', '--timeout=120s'),
      ],
      again,
    );
  // The image may be in use, or gone: neither is a reason to keep the record.
  for (const command of place.forget) await runner.run(command);
  deleteRecord();
}
