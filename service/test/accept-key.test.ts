import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { acceptKey } from '../src/connections/accept-key.ts';

describe('The answer to a Sec-WebSocket-Key', () => {
  it('is that of the example of RFC 6455, section 1.3', () => {
    assert.equal(acceptKey('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('is what OpenSSL makes of any key, in whatever order they come', () => {
    for (let tried = 0; tried < 20_000; tried += 1) {
      const key = randomBytes(16).toString('base64');
      assert.equal(acceptKey(key), hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64'));
    }
  });
});
