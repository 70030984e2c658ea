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
        h.opened().sent(2).told(1, 2).bye(2).closed(1001).opened().sent(2).told(3).closed(1006),
      );
      assert.deepEqual(violations, []);
      assert.deepEqual({ told, sent, sessions }, { told: 3, sent: 4, sessions: 1 });
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
    ['a bye below the last count', 'bye', 1, (h) => h.opened().sent(2).told(1, 2).bye(1)],
    ['a bye above what was sent', 'bye', 1, (h) => h.opened().sent(1).told(1).bye(2)],
    ['a count after the bye', 'bye', 1, (h) => h.opened().sent(2).told(1).bye(1).told(2)],
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

  it('is what was counted in the last second, in relaxed mode', async () => {
    const { violations, excused } = await verdict('relaxed', crash);
    assert.deepEqual(violations, []);
    assert.equal(excused, 1);
    const old: Plant = (h) =>
      h.opened().sent(2).told(1, 2).later(1500).fault('crash').closed(1006).opened().sent(1).told(2);
    assert.deepEqual(kinds(await verdict('relaxed', old)), ['lost']);
  });

  it('is more in relaxed mode while the store is away', async () => {
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

  it('may not, to one that was away for longer', async () => {
    const late: Plant = (h) => h.opened().sent(2).told(1, 2).closed(1006).later(1500).opened().sent(1).told(2);
    assert.deepEqual(kinds(await verdict('relaxed', late)), ['lost']);
  });
});

describe('A hand-over by token', () => {
  it('goes on from the total of the bye, also if its first connection is cut', async () => {
    const cut: Plant = (h) => h.opened().sent(2).told(1, 2).bye(2).closed(1001).opened().closed(1006).opened().sent(1);
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(3))), []);
    assert.deepEqual(kinds(await verdict('token', (h) => cut(h).told(1))), ['lost']);
  });

  it('that is refused promises nothing: any count goes on, if the messages explain it', async () => {
    const refused: Plant = (h) =>
      h.opened().sent(1).told(1).bye(1).closed(1001).refused('resume_token').opened().sent(1);
    assert.deepEqual(kinds(await verdict('token', (h) => refused(h).told(1))), []);
    assert.deepEqual(kinds(await verdict('token', (h) => refused(h).told(3))), ['doubled']);
  });
});

type Plant = (history: Planted) => Planted;

describe('A file to check', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-history-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const told = '{"at":2,"client":0,"session":"one","connection":0,"kind":"told","count":1}';
  const sent = '{"at":1,"client":0,"session":"one","connection":0,"kind":"sent"}';
  for (const [what, lines, status, says] of [
    ['that keeps every promise', [sent, told], 0, /lost 0/],
    ['that breaks one', [sent, told, told], 1, /order 1, doubled 0, unasked 1/],
    ['in which nobody received a count', [sent], 2, /nothing was checked/],
    ['that is empty', [], 2, /nothing was checked/],
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

  bye(count: number): this {
    return this.#add('bye', { count });
  }

  closed(code: number): this {
    return this.#add('closed', { code });
  }

  refused(error: string): this {
    return this.#add('refused', { code: 403, error });
  }

  fault(effect: Effect, fault = 0): this {
    this.entries.push({ at: (this.#at += 1), kind: 'began', fault, name: 'planted', effect });
    return this;
  }

  #add(kind: ClientEntry['kind'], rest: Partial<ClientEntry> = {}): this {
    this.entries.push({ at: (this.#at += 1), kind, client: 0, session: this.#session, connection: 0, ...rest });
    return this;
  }
}
