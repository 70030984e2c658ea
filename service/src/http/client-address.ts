import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

/**
 * Returns a function that finds the client's address of a request: the socket's, or, behind trusted proxies, the last
 * one in X-Forwarded-For that is not a trusted proxy. Entries that the client itself wrote are ignored.
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
      // An entry is not an address: the socket's can't be forged.
    }
    return plainAddress(request.socket.remoteAddress);
  };
}

/** Turns an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291, section 2.5.5.2) into the IPv4 address. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
