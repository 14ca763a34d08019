/** Opens a twin and says as JSON how long that took and how much memory the process has then. */
import { openTwin } from '../../src/twin/twin.ts';

const [hypervisors = 0, servers = 0] = process.argv.slice(2).map(Number);
const began = performance.now();
const clock = { now: () => Date.UTC(2026, 10, 24, 22) };
const twin = await openTwin({ seed: 7, hypervisors, servers, clock });
const ms = performance.now() - began;
console.log(JSON.stringify({ ms, rssBytes: process.memoryUsage().rss }));
await twin.close();
