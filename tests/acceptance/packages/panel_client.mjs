// What the stock Socket.IO client makes of a panel, as JSON: node panel_client.mjs <URL> <what is given>.
import { io } from "socket.io-client";

const [url, text] = process.argv.slice(2);
const given = JSON.parse(text);
const room = `application:${given.application}`;

const connected = (token, options = {}) =>
  new Promise((resolve) => {
    const socket = io(url, { transports: ["websocket"], forceNew: true, auth: { token }, reconnectionDelay: 50, ...options });
    socket.heard = [];
    socket.onAny((event, data) => socket.heard.push({ event, data }));
    socket.once("connect", () => resolve({ socket }));
    socket.once("connect_error", (error) => {
      socket.disconnect();
      resolve({ refused: { message: error.message, data: error.data ?? null } });
    });
  });
const asked = (socket, event, data) => socket.timeout(10000).emitWithAck(event, data);
const heard = async (socket, event) => {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = socket.heard.find((each) => each.event === event);
    if (found) return found.data;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${event} never came`);
};

const found = {
  polling: (await connected(given.admin, { transports: ["polling"], reconnection: false })).refused,
  nobody: (await connected("no.such.token")).refused,
};
const { socket: admin } = await connected(given.admin);
const { socket: applicant } = await connected(given.applicant);
found.joined = await asked(admin, "join:room", { room });
found.refused = await asked(applicant, "join:room", { room: "kyc" });
await asked(applicant, "join:room", { room });
await asked(applicant, "typing:start", { application_id: given.application });
found.typing = await heard(admin, "typing:start");

const write = (body) => asked(admin, "message:send", { application_id: given.application, audience: "applicant", body });
const first = await asked(applicant, "message:send", { application_id: given.application, audience: "applicant", body: "one" });
found.received = await heard(admin, "message:received");

const back = new Promise((resolve) => applicant.once("connect", resolve));
applicant.io.engine.close(); // as a network that breaks
await write("two");
await back;
found.rejoined = await asked(applicant, "join:room", { room });
found.since = await asked(applicant, "messages:since", { application_id: given.application, after: first.id });

applicant.disconnect();
admin.disconnect();
console.log(JSON.stringify(found));
