import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { check, type Verdict } from '../src/checker.ts';
import { MODES, type ClientEntry, type Effect, type Entry, type Mode } from '../src/history.ts';

const CHECK = new URL('../src/check.ts', import.meta.url).pathname;

describe('A history that keeps every promise', () => {
  for (const mode of MODES)
    it(`passes in ${mode} mode: an answered connection, a bye, a cut with a message under way`, async () => {
      const { violations, told, sent, sessions } = await verdict(mode, (h) =>
        h
          .opened()
          .sent(2)
          .told(1, 2)
          .bye(2)
          .closed(1001)
          .opened()
          .sent(2)
          .told(3)
          .closed(1006)
          .opened()
          .sent(1)
          // Without a store a cut promises nothing: it may be another instance, which goes on from the bye before.
          .told(mode === 'token' ? 3 : 5),
      );
      assert.deepEqual(violations, []);
      assert.deepEqual({ told, sent, sessions }, { told: 4, sent: 5, sessions: 1 });
    });

  for (const counted of [2, 3])
    it(`may have counted a message under way at a cut, or not: ${counted}`, async () => {
      const { violations } = await verdict('strict', (h) =>
        h.opened().sent(2).told(1).closed(1006).opened().sent(1).told(counted),
      );
      assert.deepEqual(violations, []);
    });

  it('may be one of two sessions, each with counts of its own', async () => {
    const { violations, sessions } = await verdict('strict', (h) =>
      h.opened().sent(1).told(1).of('other').opened().sent(1).told(1),
    );
    assert.deepEqual(violations, []);
    assert.equal(sessions, 2);
  });

  it('tells the longest time without a count over a reconnect', async () => {
    const { longestAbsenceMs } = await verdict('strict', (h) =>
      h.opened().sent(1).told(1).closed(1006).later(700).opened().sent(1).told(2),
    );
    assert.ok(longestAbsenceMs >= 700 && longestAbsenceMs < 710, String(longestAbsenceMs));
  });
});

describe('A planted violation is found', () => {
  const planted: readonly (readonly [what: string, kind: string, amount: number, Plant])[] = [
    [
      'a count repeated after a cut',
      'lost',
      1,
      (h) => h.opened().sent(2).told(1, 2).closed(1006).opened().sent(1).told(2),
    ],
    [
      'a session that restarts after a crash',
      'lost',
      2,
      (h) => h.opened().sent(2).told(1, 2).fault('crash').closed(1006).opened().sent(1).told(1),
    ],
    [
      'a count repeated after a bye',
      'lost',
      1,
      (h) => h.opened().sent(1).told(1).bye(1).closed(1001).opened().sent(1).told(1),
    ],
    ['a lower count on one connection', 'order', 2, (h) => h.opened().sent(3).told(1, 2).told(1)],
    ['the same count twice on one connection', 'order', 1, (h) => h.opened().sent(2).told(1, 1)],
    ['a message counted twice', 'doubled', 1, (h) => h.opened().sent(2).told(1, 3)],
    [
      'a message under way counted twice',
      'doubled',
      1,
      (h) => h.opened().sent(1).closed(1006).opened().sent(1).told(3),
    ],
    [
      'a message counted that was not answered before the bye',
      'doubled',
      1,
      (h) => h.opened().sent(2).told(1).bye(1).closed(1001).opened().sent(1).told(3),
    ],
    ['two counts for one message', 'unasked', 1, (h) => h.opened().sent(1).told(1, 2)],
    ['a message that is never answered', 'unanswered', 1, (h) => h.opened().sent(2).told(1)],
    [
      'a message that has no count of its own, on a connection that goes on and is cut later',
      'unanswered',
      1,
      (h) => {
        h.opened().sent(2).told(1);
        for (let count = 2; count < 35; count += 1) h.later(1000).sent(1).told(count);
        return h.closed(1006).opened().sent(1).told(35);
      },
    ],
    [
      'a message counted twice, when those of ended connections have been counted long since, or never',
      'doubled',
      2,
      (h) => h.opened().sent(3).told(1).closed(1006).opened().sent(1).told(2).later(16_000).sent(1).told(5),
    ],
    ['a bye below the last count', 'bye', 1, (h) => h.opened().sent(2).told(1, 2).bye(1)],
    ['a bye of another session', 'bye', 1, (h) => h.opened().sent(1).told(1).bye(1, 'other')],
    ['a bye above what was sent', 'bye', 1, (h) => h.opened().sent(1).told(1).bye(2)],
    ['a count after the bye', 'bye', 1, (h) => h.opened().sent(2).told(1).bye(1).told(2)],
    ['a close with 1001 and no bye', 'refused', 1, (h) => h.opened().sent(1).told(1).closed(1001)],
    ['a close with 1011, an error in the service', 'refused', 1, (h) => h.opened().sent(1).told(1).closed(1011)],
    ['an error in the service', 'refused', 1, (h) => h.opened().sent(1).told(1).closed(1006).refused('internal')],
    ['a resume token that it never gave', 'refused', 1, (h) => h.opened().sent(1).told(1).refused('resume_token')],
    ['a session that does not come back', 'absent', 1, (h) => h.opened().sent(1).told(1).closed(1006)],
    [
      'a session that came back, and was not heard of since',
      'absent',
      1,
      (h) => h.opened().sent(1).told(1).closed(1006).opened(),
    ],
    ['a client that sends nothing', 'absent', 1, (h) => h.opened()],
  ];
  for (const [what, kind, amount, plant] of planted)
    it(`${kind}: ${what}`, async () => {
      const { violations } = await verdict('strict', plant);
      assert.equal(violations[0]?.kind, kind);
      assert.equal(violations[0].amount, amount);
      assert.equal(violations[0].session, 'one');
    });
});

describe('What a crash may cost', () => {
  const crash: Plant = (h) => h.opened().sent(2).told(1, 2).fault('crash').closed(1006).opened().sent(1).told(2);

  it('is nothing in strict and replicated mode', async () => {
    for (const mode of ['strict', 'replicated'] as const)
      assert.deepEqual(kinds(await verdict(mode, crash)), ['lost'], mode);
  });

  it('is what was counted in the last half second, in relaxed mode', async () => {
    const { violations, excused } = await verdict('relaxed', crash);
    assert.deepEqual(violations, []);
    assert.equal(excused, 1);
    const old: Plant = (h) =>
      h.opened().sent(2).told(1, 2).later(600).fault('crash').closed(1006).opened().sent(1).told(2);
    assert.deepEqual(kinds(await verdict('relaxed', old)), ['lost']);
  });

  it('is more in relaxed mode while the store is away, and for three seconds after', async () => {
    const away =
      (effect: Effect): Plant =>
      (h) =>
        h
          .opened()
          .sent(1)
          .told(1)
          .fault(effect, 1)
          .sent(1)
          .told(2)
          .later(3000)
          .fault('crash')
          .closed(1006)
          .opened()
          .sent(1)
          .told(2);
    assert.deepEqual(kinds(await verdict('relaxed', away('away'))), []);
    assert.deepEqual(kinds(await verdict('relaxed', away('none'))), ['lost']);
    const back =
      (ms: number): Plant =>
      (h) => {
        const told = h.opened().fault('away').sent(2).told(1, 2).ended('away').later(ms).fault('crash', 1).closed(1006);
        return told.opened().sent(1).told(2);
      };
    assert.deepEqual(kinds(await verdict('relaxed', back(3000))), []);
    assert.deepEqual(kinds(await verdict('relaxed', back(3600))), ['lost']);
  });

  it('is nothing that a resumed connection went on from, in relaxed mode, however long the store is away', async () => {
    const before: Plant = (h) =>
      h
        .opened()
        .fault('away')
        .sent(2)
        .told(1, 2)
        .closed(1006)
        .opened()
        .sent(1)
        .told(3)
        .fault('crash')
        .closed(1006)
        .opened();
    assert.deepEqual(kinds(await verdict('relaxed', (h) => before(h).sent(1).told(3))), []);
    assert.deepEqual(kinds(await verdict('relaxed', (h) => before(h).sent(1).told(2))), ['lost']);
  });

  it('is never more than everything: no count is below 1', async () => {
    for (const mode of MODES)
      assert.deepEqual(kinds(await verdict(mode, (h) => h.opened().fault('crash').sent(1).told(0))), ['lost'], mode);
  });

  it('shows in a bye as in a count', async () => {
    const bye: Plant = (h) =>
      h.opened().sent(2).told(1, 2).fault('crash').closed(1006).opened().bye(1).closed(1001).opened().sent(1).told(2);
    assert.deepEqual(kinds(await verdict('relaxed', bye)), []);
    assert.deepEqual(kinds(await verdict('strict', bye)), ['bye']);
  });

  it('is anything with tokens alone, since nothing is promised without a bye', async () => {
    assert.deepEqual(
      kinds(await verdict('token', (h) => h.opened().sent(2).told(1, 2).closed(1006).opened().sent(1).told(1))),
      [],
    );
    const more: Plant = (h) => h.opened().sent(2).told(1, 2).closed(1006).opened().sent(1).told(4);
    assert.deepEqual(kinds(await verdict('token', more)), ['doubled']);
  });
});

describe('Relaxed mode', () => {
  it('may repeat a count to a client that resumes before the write, and counts the sum afterwards', async () => {
    const { violations, excused } = await verdict('relaxed', (h) =>
      h.opened().sent(2).told(1, 2).closed(1006).opened().sent(1).told(2).sent(1).told(4),
    );
    assert.deepEqual(violations, []);
    assert.equal(excused, 1);
  });

  it('counts what it repeated in the end, unless the instance that had counted it crashed before it wrote it', async () => {
    const repeated: Plant = (h) => h.opened().sent(2).told(1, 2).closed(1006).opened().sent(1).told(2);
    const later: Plant = (h) => h.later(2000).sent(1).told(3);
    assert.deepEqual(kinds(await verdict('relaxed', (h) => later(repeated(h)))), ['lost']);
    assert.deepEqual(kinds(await verdict('relaxed', (h) => later(repeated(h).fault('crash')))), []);
    assert.deepEqual(kinds(await verdict('relaxed', (h) => later(repeated(h).later(600).fault('crash')))), ['lost']);
  });

  it('may not repeat what was written before a crash', async () => {
    const crash =
      (ms: number): Plant =>
      (h) =>
        h.opened().sent(2).told(1, 2).closed(1006).later(ms).fault('crash').later(600).opened().sent(1).told(2);
    assert.deepEqual(kinds(await verdict('relaxed', crash(100))), []);
    assert.deepEqual(kinds(await verdict('relaxed', crash(600))), ['lost']);
  });

  it('answers on open connections while the store is away: only one that resumes gets 1013', async () => {
    const after: Plant = (h) => h.closed(1013).opened().sent(1).told(2);
    assert.deepEqual(
      kinds(await verdict('relaxed', (h) => after(h.opened().sent(1).told(1).closed(1006).opened()))),
      [],
    );
    assert.deepEqual(kinds(await verdict('relaxed', (h) => after(h.opened().sent(1).told(1)))), ['refused']);
    assert.deepEqual(kinds(await verdict('strict', (h) => after(h.opened().sent(1).told(1)))), []);
  });

  it('tells how old what it lost was', async () => {
    const { oldestExcusedMs } = await verdict('relaxed', (h) =>
      h.opened().sent(2).told(1, 2).later(300).closed(1006).opened().sent(1).told(2),
    );
    assert.ok(oldestExcusedMs >= 300 && oldestExcusedMs < 310, String(oldestExcusedMs));
  });

  it('may not, to one that was away for longer', async () => {
    const late: Plant = (h) => h.opened().sent(2).told(1, 2).closed(1006).later(600).opened().sent(1).told(2);
    assert.deepEqual(kinds(await verdict('relaxed', late)), ['lost']);
  });
});

describe('A hand-over by token', () => {
  it('goes on from the total of the bye, also if its first connection is cut', async () => {
    const cut: Plant = (h) => h.opened().sent(2).told(1, 2).bye(2).closed(1001).opened().closed(1006).opened().sent(1);
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(3))), []);
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(1))), ['lost']);
  });

  it('is refused only if an instance may know a higher count: after a cut, with messages that it may have counted', async () => {
    const refused: Plant = (h) => h.bye(1).closed(1001).refused('resume_token').opened().sent(1);
    const never: Plant = (h) => refused(h.opened().sent(1).told(1)).told(1);
    assert.deepEqual(kinds(await verdict('token', never)), ['refused']);
    const cut: Plant = (h) => refused(h.opened().sent(2).told(1).closed(1006).opened().sent(1).told(1));
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(1))), []);
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(3))), []);
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(4))), ['doubled']);
  });

  it('is not refused again by what was explained: a later bye is the highest count', async () => {
    const again: Plant = (h) =>
      h
        .opened()
        .sent(2)
        .told(1)
        .closed(1006)
        .opened()
        .sent(3)
        .told(1, 2, 3)
        .bye(3)
        .closed(1001)
        .refused('resume_token');
    assert.deepEqual(kinds(await verdict('token', (h) => again(h).opened().sent(1).told(1))), ['refused']);
  });
});

type Plant = (history: Planted) => Planted;

describe('A file to check', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-history-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const opened = '{"at":1,"client":0,"session":"one","connection":0,"kind":"opened"}';
  const told = '{"at":2,"client":0,"session":"one","connection":0,"kind":"told","count":1}';
  const end = '{"kind":"end"}';
  const sent = '{"at":1,"client":0,"session":"one","connection":0,"kind":"sent"}';
  for (const [what, lines, status, says] of [
    ['that keeps every promise', [opened, sent, told, end], 0, /lost 0/],
    ['that breaks one', [opened, sent, told, told, end], 1, /order 1, doubled 0, unasked 1/],
    ['in which nobody received a count', [sent, end], 2, /nothing was checked/],
    ['that is empty', [], 2, /:0: here a line .* is missing/],
    ['that was cut off between two lines', [opened, sent, told], 2, /:3: here a line .* is missing/],
    ['that goes on after its end', [opened, sent, end, told], 2, /:4: here a line .* is missing/],
    ['whose time goes back', [opened, told, sent, end], 2, /:3: this is earlier than the line before/],
    ['of a session with two connections', [opened, opened, sent, told, end], 2, /one has connections 0 and 0 at once/],
    [
      'with a bye that has no total',
      [sent, told.replace('told', 'bye').replace('1}', 'null}')],
      2,
      /:2: this is no entry/,
    ],
    ['with a line that was cut', [sent, told.slice(0, -9)], 2, /:2: this is no entry of a history/],
    ['with a kind that there is not', [sent, told.replace('told', 'tell')], 2, /:2: this is no entry of a history/],
    ['with a count that is none', [sent, told.replace('count":1', 'count":1.5')], 2, /:2: this is no entry/],
  ] as const)
    it(`${what} ends with status ${status}`, () => {
      const history = join(folder, 'history.jsonl');
      writeFileSync(history, lines.map((line) => `${line}\n`).join(''));
      const run = spawnSync(process.execPath, [CHECK, history], { encoding: 'utf8', timeout: 60_000 });
      assert.equal(run.status, status, run.stderr);
      assert.match(run.stdout + run.stderr, says);
      assert.doesNotMatch(run.stderr, /^ +at /m, 'a stack trace');
    });

  it('that is not there ends with status 2', () => {
    const { status, stderr } = spawnSync(process.execPath, [CHECK, '/nowhere'], { encoding: 'utf8', timeout: 60_000 });
    assert.match(stderr, /can not be read: ENOENT.*\/nowhere/);
    assert.equal(status, 2);
  });
});

function kinds({ violations }: Verdict): readonly string[] {
  return violations.map(({ kind }) => kind);
}

function verdict(mode: Mode, plant: Plant): Promise<Verdict> {
  return check(plant(new Planted()).entries, mode);
}

/** A history written by hand, a millisecond between two entries. */
class Planted {
  readonly entries: Entry[] = [];
  #session = 'one';
  #connection = 0;
  #at = 10_000;

  of(session: string): this {
    this.#session = session;
    return this;
  }

  later(ms: number): this {
    this.#at += ms;
    return this;
  }

  opened(): this {
    this.#connection += 1;
    return this.#add('opened');
  }

  sent(messages: number): this {
    for (let each = 0; each < messages; each += 1) this.#add('sent');
    return this;
  }

  told(...counts: readonly number[]): this {
    for (const count of counts) this.#add('told', { count });
    return this;
  }

  bye(count: number, named?: string): this {
    return this.#add('bye', { count, named });
  }

  closed(code: number): this {
    return this.#add('closed', { code });
  }

  refused(error: string): this {
    return this.#add('refused', { code: 403, error });
  }

  ended(effect: Effect): this {
    return this.fault(effect, 0, 'ended');
  }

  fault(effect: Effect, fault = 0, kind: 'began' | 'ended' = 'began'): this {
    this.entries.push({ at: (this.#at += 1), kind, fault, name: 'planted', effect });
    return this;
  }

  #add(kind: ClientEntry['kind'], rest: Partial<ClientEntry> = {}): this {
    this.entries.push({
      at: (this.#at += 1),
      kind,
      client: 0,
      session: this.#session,
      connection: this.#connection,
      ...rest,
    });
    return this;
  }
}
