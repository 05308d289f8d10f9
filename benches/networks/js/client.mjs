// partysocket and socket.io-client, as their documents show them.
import ReconnectingWebSocket from 'partysocket/ws';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { commands, number, say, sender, work } from './lines.mjs';

const job = work(process.argv.slice(2));

function partysocket() {
  const socket = new ReconnectingWebSocket(`ws://${job.address}/`, [], { WebSocket });
  let open = false;
  socket.addEventListener('open', () => {
    open = true;
    say('open');
  });
  socket.addEventListener('close', () => {
    if (open) say('down');
    open = false;
  });
  socket.addEventListener('error', () => {});
  socket.addEventListener('message', (event) => say('recv', number(event.data)));
  return { send: (_n, text) => socket.send(text), online: () => socket.reconnect() };
}

// With `retries` a message is sent again until the server has acknowledged it.
function socketIo(retries) {
  const options = { transports: ['websocket'], ...(retries ? { retries: 1_000_000, ackTimeout: 10_000 } : {}) };
  const socket = io(`http://${job.address}`, options);
  socket.on('connect', () => say('open'));
  socket.on('disconnect', () => say('down'));
  socket.on('m', (text) => say('recv', number(text)));
  const settle = (n) => (retries ? [(error) => error || say('settled', n)] : []);
  const send = (n, text) => socket.emit('m', text, ...settle(n));
  return { send, online: () => socket.disconnect().connect() };
}

const client = job.variant === 'partysocket' ? partysocket() : socketIo(job.variant === 'retries');
const { go, stop } = sender(job, (n, text) => {
  say('sent', n);
  client.send(n, text);
  return true;
});
commands({ go, stop, online: client.online });
