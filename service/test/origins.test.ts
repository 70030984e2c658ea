import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, loadConfig } from '../src/config/load-config.ts';
import { startApp } from '../../testkit/app.ts';
import { ask, handshake, RawClient } from '../../testkit/raw-client.ts';

describe('Origins are compared as URLs: scheme, host and port', () => {
  const cases: readonly (readonly [rule: string, host: string, accepted: string[], refused: string[]])[] = [
    ['self', 'svc.test', ['https://svc.test', 'http://svc.test', 'https://SVC.test:443'], ['https://svc.test:80']],
    [
      'self',
      'svc.test:443',
      ['https://svc.test', 'https://svc.test:443'],
      ['http://svc.test', 'https://svc.test:8443'],
    ],
    ['self', 'svc.test:80', ['http://svc.test'], ['https://svc.test', 'http://svc.test:8080']],
    [
      'self',
      'SVC.test:8080',
      ['http://svc.test:8080', 'https://svc.test:8080'],
      ['http://svc.test', 'http://svc.test:80'],
    ],
    ['self', '[2001:DB8:0::1]:80', ['http://[2001:db8::1]'], ['http://[2001:db8::2]']],
    ['self', 'evil.test/svc.test', [], ['http://svc.test', 'http://evil.test']],
    ['self', 'x@svc.test', [], ['http://svc.test']],
    [
      'https://app.example.com',
      'svc.test',
      ['https://app.example.com', 'https://app.example.com:443', 'https://APP.example.com'],
      [
        'http://app.example.com',
        'https://app.example.com:8443',
        'https://app.example.com.',
        'https://app.example.com/',
        'https://app.example.com/path',
        'https://u@app.example.com',
        'https://app.example.com?x',
        'https://app.example.com#x',
        'https://app.example.com\\x',
        'https:app.example.com',
        'https:///app.example.com',
        'https://app.example.com, https://app.example.com',
        'https://app\t.example.com',
        'app.example.com',
        'null',
        '',
      ],
    ],
    ['https://app.example.com:443', 'svc.test', ['https://app.example.com', 'https://app.example.com:443'], []],
    ['http://app.example.com:80', 'svc.test', ['http://app.example.com'], ['https://app.example.com:80']],
    ['https://bücher.example', 'svc.test', ['https://xn--bcher-kva.example'], []],
    ['capacitor://localhost', 'svc.test', ['capacitor://localhost'], ['capacitor://localhost:443', 'http://localhost']],
    [
      'https://*.example.org',
      'svc.test',
      [
        'https://a.example.org',
        'https://a.b-c.example.org',
        'https://a_1.EXAMPLE.org:443',
        'https://xn--bcher-kva.example.org',
      ],
      [
        'https://x, https://a.example.org',
        'https://x,a.example.org',
        'https://example.org',
        'https://.example.org',
        'https://a..example.org',
        'https://evilexample.org',
        'http://a.example.org',
        'https://a.example.org:8443',
        'https://a.example.org.evil.test',
        'https://evil.test/.example.org',
        'https://evil.test?.example.org',
        'https://evil.test#.example.org',
        'https://evil.test\\.example.org',
        'https://evil.test:443.example.org',
        'https://user@a.example.org',
        'https://*.example.org',
        "https://'.example.org",
      ],
    ],
    ['https://*.example.org:443', 'svc.test', ['https://a.example.org'], ['https://a.example.org:444']],
    ['https://*.example.org:8443', 'svc.test', ['https://a.example.org:8443'], ['https://a.example.org']],
  ];
  for (const [rule, host, accepted, refused] of cases)
    it(`${rule} asked of ${host}: ${accepted.length} are accepted, ${refused.length} are not`, async (t) => {
      const { port } = await startApp(t, { ALLOWED_ORIGINS: rule });
      for (const origin of accepted) {
        const client = new RawClient(port);
        client.socket.write(handshake({ headers: { Host: host, Origin: origin } }));
        await client.until((text) => text.includes('\r\n'));
        assert.match(client.text, /^HTTP\/1\.1 101 /, origin);
        client.socket.destroy();
      }
      for (const origin of refused)
        assert.equal((await ask(port, handshake({ headers: { Host: host, Origin: origin } }))).status, 403, origin);
    });

  it('and a rule that could never match is refused at the start', () => {
    const rules = [
      'app.example.com',
      '*.example.com',
      'https://*',
      'https://app-*.example.com',
      'https://*.*.example.com',
      'https://app.example.com/',
      'https://app.example.com/path',
      'https://u:p@app.example.com',
      'https://app example.com',
      'https://',
      'null',
      'Self',
    ];
    for (const rule of rules)
      assert.throws(
        () => loadConfig({ ALLOWED_ORIGINS: rule }),
        (error) =>
          error instanceof ConfigError && error.message.includes(`ALLOWED_ORIGINS holds ${JSON.stringify(rule)}`),
        rule,
      );
  });
});
