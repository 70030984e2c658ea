import { describe, test } from 'node:test';
import type { Values } from './release.ts';
import { deleteWithoutGrace, drainTheNode, killAgainAndAgain, rollOut, scaleDownAndUp } from './session-events.ts';
import type { LoadShape } from './session-load.ts';
import { prove, type Allowance } from './session-proof.ts';
import { SessionStage } from './session-stage.ts';

/** How one way of keeping counts is put to the proof. */
export interface Disruptions {
  /** Its name in the table; the namespace is named after it. */
  readonly mode: string;
  readonly values: Values;
  readonly shape: LoadShape;
  /** What may be lost when a process is killed; `undefined` where it is not killed, since it promises nothing then. */
  readonly killed: Allowance | undefined;
}

const KILLS = { everySeconds: 20, seconds: 180 };

/** The proof that no count told is lost, whatever happens to the pods. */
export function proveDisruptions({ mode, values, shape, killed }: Disruptions): void {
  describe(`${mode}: ${shape.sockets} sessions that send ${shape.sendRate} messages/s each`, () => {
    const stage = new SessionStage(`sessions-${mode}`, values, shape);
    let lost = 0;

    test('a scale from 3 pods to 1 and back', () => play('scale 3 → 1 → 3', () => scaleDownAndUp(stage.release)));
    for (const round of ['first', 'second', 'third'])
      test(`the ${round} rollout`, () => play(`${round} rollout restart`, () => rollOut(stage.release)));
    test('kubectl drain', () => play('kubectl drain', () => drainTheNode(stage.release)));
    if (killed !== undefined) {
      test('a pod deleted with grace 0', () =>
        play('delete pod, grace 0', () => deleteWithoutGrace(stage.release), killed));
      test(`a SIGKILL every ${KILLS.everySeconds} s`, () =>
        play(
          `SIGKILL every ${KILLS.everySeconds} s for ${KILLS.seconds / 60} min`,
          async () => {
            await killAgainAndAgain(stage.release, KILLS);
          },
          killed,
        ));
    }
    test('the whole run, added up', () => stage.finish(lost));

    async function play(event: string, work: () => Promise<void>, allowance?: Allowance): Promise<void> {
      lost += (await prove(stage.load, mode, event, work, allowance)).lost;
    }
  });
}
