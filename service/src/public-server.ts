import type { Server } from 'node:http';
import type { DropArgument, Socket } from 'node:net';
import type { Config } from './config/options.ts';
import type { Handshakes } from './connections/handshakes.ts';
import { plainAddress } from './http/client-address.ts';
import { endWithError, isAnswered } from './http/raw-answer.ts';
import { REFUSALS, type Refusal } from './protocol/protocol.ts';
import { createServer } from './runtime/node-http.ts';

/** TCP connections over MAX_CONNECTIONS: for probes, scrapes, and for handshakes to be refused with a reason. */
const SPARE_SOCKETS = 1024;

/** Makes the public listener. Upgrades go to the handshakes, requests to the `request` listeners that the caller adds. */
export function createPublicServer(config: Config, handshakes: Handshakes): Server {
  const timeoutMs = config.handshakeTimeoutSeconds * 1000;
  const server = createServer({
    headersTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    connectionsCheckingInterval: Math.min(1000, timeoutMs / 4),
    keepAliveTimeout: 5000,
    // Other upgrades (HTTP/2 over cleartext) are optional for a server: it answers as if they had not been asked for.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = config.maxConnections + SPARE_SOCKETS;
  server.on('upgrade', (request, socket, head) => {
    handshakes.handle(request, socket, head);
  });
  server.on('drop', (dropped?: DropArgument) => {
    handshakes.countRefusal('capacity', plainAddress(dropped?.remoteAddress));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseUnparsed(error, socket as Socket, handshakes);
  });
  return server;
}

/** What the HTTP parser calls a broken request (llhttp), or Node.js a late one. */
const PARSER_REFUSALS: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket, handshakes: Handshakes): void {
  if (isAnswered(socket) && error.code !== 'ECONNRESET') return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const reason = PARSER_REFUSALS[error.code ?? ''] ?? 'malformed';
  handshakes.countRefusal(reason, plainAddress(socket.remoteAddress));
  endWithError(socket, REFUSALS[reason].status, {
    error: reason,
    message: reason === 'malformed' ? 'This is not HTTP/1.1 (RFC 9112).' : `Refused: ${REFUSALS[reason].when}.`,
  });
}
