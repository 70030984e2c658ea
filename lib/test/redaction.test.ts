import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redacted, redactedAddress, redactedIn } from '../redaction.ts';

const IN_A_TEXT: readonly (readonly [text: string, shown: string])[] = [
  ['no answer from http://me:pw@host:80/x in 5 s', 'no answer from http://***@host:80/x in 5 s'],
  ['{"a":"https://me:pw@host/x","b":"me@host"}', '{"a":"https://***@host/x","b":"me@host"}'],
  ['redis://:p/w?#@x@host,host2/0', 'redis://***@host,host2/0'],
  ['http://host/x?token=a&page=2#part', 'http://host/x?token=***&page=***#part'],
  ['ws://host/?bare', 'ws://host/?***'],
  ['/ws/chat/?token=abc answered with 400', '/ws/chat/?token=*** answered with 400'],
  ['host/#access_token=abc', 'host/#access_token=***'],
  ['is it there? a = b, and p99<10ms', 'is it there? a = b, and p99<10ms'],
  ['http://host:8080/metrics/', 'http://host:8080/metrics/'],
];

for (const [text, shown] of IN_A_TEXT)
  test(`\`${text}\` is shown as \`${shown}\``, () => {
    assert.equal(redacted(text), shown);
  });

const ADDRESSES: readonly (readonly [address: string, shown: string])[] = [
  ['http://me:p"w @host/?x=y z', 'http://***@host/?x=***'],
  ['me:pw@host:80', '***@host:80'],
  ['host:80/x?token=a', 'host:80/x?token=***'],
  ['me@host', 'me@host'],
  ['60', '60'],
];

for (const [address, shown] of ADDRESSES)
  test(`the address \`${address}\` is shown as \`${shown}\``, () => {
    assert.equal(redactedAddress(address), shown);
  });

test('every text in a value is redacted, and all else stays', () => {
  const at = new Date(0);
  assert.deepEqual(redactedIn({ at, n: 1, none: null, urls: ['http://a:b@c/'], in: { u: 'x' } }), {
    ...{ at, n: 1, none: null, urls: ['http://***@c/'], in: { u: 'x' } },
  });
});
