import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Result } from '../src/result.ts';
import { CountingServer } from '../../testkit/counting-server.ts';
import { loadtest } from '../../testkit/run-loadtest.ts';

describe('the report', () => {
  let page = '';
  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'loadtest-'));
    const server = await CountingServer.start({ skipAt: 3 }, { after });
    const path = join(folder, 'report.html');
    const { status } = await loadtest(
      ...['--host', server.host, '--sockets', '4', '--rate', '100', '--send-rate', '10', '--duration', '2.2'],
      ...['--report', path, '--assert', 'max<9s', '--header', 'Authorization: secret-token'],
    );
    assert.equal(status, 1);
    page = readFileSync(path, 'utf8');
    rmSync(folder, { recursive: true });
  });
  after(() => {
    page = '';
  });

  it('loads nothing: no element, style or script names another resource', () => {
    assert.doesNotMatch(page, /<(link|img|iframe|object|embed|base|video|audio|source)\b/i);
    assert.doesNotMatch(page, /<script[^>]*\bsrc\b/i);
    assert.doesNotMatch(page, /@import|url\(/i);
    assert.doesNotMatch(page, /\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts)\s*\(/);
    assert.match(
      page,
      /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"/,
    );
  });

  it('tells the verdict with its reasons, and the sessions', () => {
    assert.match(page, /<span class="badge failed">failed<\/span>/);
    assert.match(page, /<li>4 × skipped: [^<]* First: session [0-9a-f-]{36} at \d/);
    assert.match(page, /<td>skipped<\/td><td>[0-9a-f-]{36}<\/td>/);
    assert.match(page, /<td>max&lt;9s<\/td><td>[\d.]+ ms<\/td><td>holds<\/td>/);
  });

  it('holds the whole result, with a sample for each second', () => {
    const json = /<script type="application\/json" id="result">(.*?)<\/script>/s.exec(page)?.[1] ?? '';
    const result = JSON.parse(json) as Result;
    assert.deepEqual(result.timeline.map(({ second }) => second).slice(0, 2), [1, 2]);
    assert.equal(result.timeline[1]?.open, 4);
    assert.equal(result.verdict.passed, false);
  });

  it('keeps headers, which may be secrets, to itself', () => {
    assert.doesNotMatch(page, /secret-token/);
  });
});
