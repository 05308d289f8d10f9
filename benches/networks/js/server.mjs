// A socket.io server with the defaults, and with state recovery where the clients send again.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { commands, number, say, sender, work } from './lines.mjs';

const job = work(process.argv.slice(2));
const [host, port] = job.address.split(':');
const recovers = job.variant === 'retries';
const http = createServer();
const sockets = new Set();
const io = new Server(http, {
  transports: ['websocket'],
  // The default of 1 MB is a little less than the largest message of the table.
  maxHttpBufferSize: 4e6,
  ...(recovers ? { connectionStateRecovery: {} } : {}),
});

http.on('connection', (socket) => {
  say('accept', undefined, { port: socket.remotePort });
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});
let met = false;
io.on('connection', (socket) => {
  met = true;
  socket.on('m', (text, settle) => {
    say('recv', number(text));
    settle?.();
  });
});

const listen = () => http.listen(Number(port), host);
http.on('listening', () => say('listening'));

const { go, stop } = sender(job, (n, text) => {
  if (recovers ? !met : io.engine.clientsCount === 0) return false;
  say('sent', n);
  io.emit('m', text);
  return true;
});
const each = (end) => () => [...sockets].forEach(end);
const fin = each((socket) => socket.destroy());
const rst = each((socket) => socket.resetAndDestroy());
commands({
  go,
  stop,
  fin: () => [fin(), say('ended')],
  rst: () => [rst(), say('ended')],
  away: () => [http.close(), fin()],
  vanish: () => [http.close(), rst()],
  back: listen,
});
listen();
