import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

/**
 * Makes the function that finds the client's address of a request: the socket's, or, behind trusted proxies, the last one in
 * X-Forwarded-For that is not a trusted proxy itself. What a client writes there by itself is never believed.
 * @param trustedProxies addresses, CIDR blocks, `loopback`, `linklocal`, `uniquelocal`
 */
export function clientAddressOf(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  if (trustedProxies.length === 0) return (request) => plainAddress(request.socket.remoteAddress);
  const trusted = proxyAddr.compile([...trustedProxies]);
  return (request) => {
    try {
      const address = proxyAddr(request, trusted);
      if (isIP(address) !== 0) return plainAddress(address);
    } catch {
      // An entry that is not an address: fall back on the socket's, which can't be forged.
    }
    return plainAddress(request.socket.remoteAddress);
  };
}

/** An address as people write it. An IPv4 address that a dual-stack listener shows as `::ffff:192.0.2.1` is that IPv4 address (RFC 4291, 2.5.5.2). */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
