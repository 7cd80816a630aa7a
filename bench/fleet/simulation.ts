import { seededRandom } from "../../src/numbers/seeded_random.ts";

/** A fleet and what it is to do. Times are seconds. */
export interface FleetScenario {
  readonly rows: number;
  readonly workers: number;
  /** Rows of a job. */
  readonly jobRows: number;
  /** Rows that a worker scores in a second, on average over rows. */
  readonly rowsPerSecond: number;
  /** Standard deviation of a row's work, in means. */
  readonly rowSpread: number;
  /** Share of workers that are slow, and how many times as long they take. */
  readonly slowShare: number;
  readonly slowness: number;
  /** Mean time until a worker is killed; Infinity for never. */
  readonly meanLife: number;
  /** From there until it, or another in its place, takes jobs: start, load, warm-up. */
  readonly restart: number;
  /** Without a sign of life after which a job is handed out anew; signs come every third of it. */
  readonly patience: number;
  /** Jobs that a worker has in hand: one is computed, the others wait. */
  readonly hands: number;
  /** Whether workers without work do once more what others have in hand. */
  readonly hedged: boolean;
  readonly seed: number;
}

/** What came of it. */
export interface FleetOutcome {
  /** Until the last result. */
  readonly seconds: number;
  /** Seconds that workers were there, loading too: what is paid for. */
  readonly workerSeconds: number;
  /** Share of the computing that was lost with killed workers. */
  readonly lostShare: number;
  /** Share of the computing that was done twice by hedging. */
  readonly doubledShare: number;
  /** Time from when no job was left in the queue until the last result. */
  readonly tail: number;
  /** Messages in a second at the server, on average: jobs, acknowledgements, results, signs of life. */
  readonly messagesPerSecond: number;
  readonly kills: number;
}

type EventKind = "done" | "killed" | "back" | "redelivered";

interface FleetEvent {
  readonly at: number;
  readonly kind: EventKind;
  readonly worker: number;
  /** Which life of the worker it is of; -1 for events of jobs. */
  readonly life: number;
  readonly job: number;
}

interface Worker {
  life: number;
  isUp: boolean;
  slowness: number;
  /** The job that is computed, and since when; -1 for none. */
  job: number;
  since: number;
  readonly waiting: number[];
}

/**
 * Lets a fleet do its jobs, event by event: a job done, a worker killed, one back, a job handed out anew.
 * Jobs are the unit, not rows: a job's work is the sum of its rows', normal by their number.
 */
export function simulateFleet(scenario: FleetScenario): FleetOutcome {
  return new Simulation(scenario).run();
}

class Simulation {
  readonly #of: FleetScenario;
  readonly #random: () => number;
  readonly #events = new EventHeap();
  readonly #workers: Worker[];
  readonly #jobs: number;
  /** Jobs that were handed out and came back. */
  readonly #again: number[] = [];
  readonly #isDone: Uint8Array;
  #next = 0;
  #done = 0;
  #now = 0;
  #emptyAt = 0;
  #lost = 0;
  #doubled = 0;
  #computed = 0;
  #kills = 0;
  #messages = 0;

  constructor(scenario: FleetScenario) {
    this.#of = scenario;
    this.#random = seededRandom(scenario.seed);
    this.#jobs = Math.ceil(scenario.rows / scenario.jobRows);
    this.#isDone = new Uint8Array(this.#jobs);
    this.#workers = Array.from({ length: scenario.workers }, (): Worker => ({
      life: 0,
      isUp: true,
      slowness: 1,
      job: -1,
      since: 0,
      waiting: [],
    }));
  }

  run(): FleetOutcome {
    for (const worker of this.#workers.keys()) this.#begin(worker);
    while (this.#done < this.#jobs) {
      const event = this.#events.pop();
      if (event === undefined) throw new Error("nothing happens any more");
      this.#now = event.at;
      this.#happen(event);
    }
    return this.#outcome();
  }

  #outcome(): FleetOutcome {
    const { workers, patience } = this.#of;
    const seconds = this.#now;
    const signs = workers * seconds / (patience / 3);
    return {
      seconds,
      workerSeconds: workers * seconds,
      lostShare: this.#lost / this.#computed,
      doubledShare: this.#doubled / this.#computed,
      tail: seconds - this.#emptyAt,
      messagesPerSecond: (this.#messages + signs) / seconds,
      kills: this.#kills,
    };
  }

  #happen({ kind, worker: number, life, job }: FleetEvent): void {
    if (kind === "redelivered") {
      if (this.#isDone[job]) return;
      this.#again.push(job);
      return this.#wakeIdle();
    }
    const worker = this.#workers[number]!;
    if (worker.life !== life) return; // of a worker that is no more
    if (kind === "back") return this.#begin(number);
    if (kind === "killed") return this.#kill(number, worker);
    this.#finish(number, worker);
  }

  #begin(number: number): void {
    const worker = this.#workers[number]!;
    const { slowShare, slowness, meanLife } = this.#of;
    worker.isUp = true;
    worker.slowness = this.#random() < slowShare ? slowness : 1;
    if (Number.isFinite(meanLife)) {
      const at = this.#now - meanLife * Math.log(1 - this.#random());
      this.#events.push({ at, kind: "killed", worker: number, life: worker.life, job: -1 });
    }
    this.#take(number, worker);
  }

  /** Gives a worker as many jobs as it has hands, and lets it compute one. */
  #take(number: number, worker: Worker): void {
    const wanted = this.#of.hands - (worker.job === -1 ? 0 : 1);
    while (worker.waiting.length < wanted) {
      const job = this.#handOut();
      if (job === undefined) break;
      worker.waiting.push(job);
    }
    if (worker.job !== -1) return;
    const job = worker.waiting.shift() ?? (this.#of.hedged ? this.#slowest() : undefined);
    if (job !== undefined) this.#compute(number, worker, job);
  }

  #handOut(): number | undefined {
    this.#messages += 2;
    for (let job = this.#again.pop(); job !== undefined; job = this.#again.pop()) {
      if (!this.#isDone[job]) return job;
    }
    if (this.#next === this.#jobs) return undefined;
    if (this.#next === this.#jobs - 1) this.#emptyAt = this.#now;
    return this.#next++;
  }

  /** A job that waits in the hands of another worker, else the one that was begun first, if once. */
  #slowest(): number | undefined {
    const computed = new Map<number, number>();
    for (const { job } of this.#workers) {
      if (job !== -1) computed.set(job, (computed.get(job) ?? 0) + 1);
    }
    let oldest: Worker | undefined;
    for (const worker of this.#workers) {
      const waits = worker.waiting.find((job) => !this.#isDone[job] && !computed.has(job));
      if (waits !== undefined) return waits;
      if (worker.job === -1 || computed.get(worker.job) !== 1 || this.#isDone[worker.job]) continue;
      if (oldest === undefined || worker.since < oldest.since) oldest = worker;
    }
    return oldest?.job;
  }

  #compute(number: number, worker: Worker, job: number): void {
    worker.job = job;
    worker.since = this.#now;
    const { rows, jobRows, rowsPerSecond, rowSpread } = this.#of;
    const count = Math.min(jobRows, rows - job * jobRows);
    const work = Math.max(0.05 * count, count + rowSpread * Math.sqrt(count) * this.#normal());
    const at = this.#now + worker.slowness * work / rowsPerSecond;
    this.#events.push({ at, kind: "done", worker: number, life: worker.life, job });
  }

  #finish(number: number, worker: Worker): void {
    const time = this.#now - worker.since;
    this.#computed += time;
    if (this.#isDone[worker.job]) this.#doubled += time;
    else {
      this.#isDone[worker.job] = 1;
      this.#done++;
      this.#messages += 4; // result, its acknowledgement, the job's
    }
    worker.job = -1;
    this.#take(number, worker);
  }

  #kill(number: number, worker: Worker): void {
    const { restart, patience } = this.#of;
    this.#kills++;
    const held = [...worker.waiting, ...(worker.job === -1 ? [] : [worker.job])];
    if (worker.job !== -1) {
      this.#lost += this.#now - worker.since;
      this.#computed += this.#now - worker.since;
    }
    for (const job of held) {
      // Its last sign of life was somewhere within the last third of the patience.
      const at = this.#now + patience * (1 - this.#random() / 3);
      this.#events.push({ at, kind: "redelivered", worker: -1, life: -1, job });
    }
    worker.life++;
    worker.isUp = false;
    worker.job = -1;
    worker.waiting.length = 0;
    const at = this.#now + restart;
    this.#events.push({ at, kind: "back", worker: number, life: worker.life, job: -1 });
  }

  #wakeIdle(): void {
    for (const [number, worker] of this.#workers.entries()) {
      if (this.#again.length === 0) return;
      if (worker.isUp && worker.job === -1) this.#take(number, worker);
    }
  }

  /** Box and Muller's. */
  #normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random()));
    return radius * Math.cos(2 * Math.PI * this.#random());
  }
}

/** Events by their time. */
class EventHeap {
  readonly #items: FleetEvent[] = [];

  push(event: FleetEvent): void {
    const items = this.#items;
    let at = items.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (items[above]!.at <= event.at) break;
      items[at] = items[above]!;
      at = above;
    }
    items[at] = event;
  }

  pop(): FleetEvent | undefined {
    const items = this.#items;
    const [first] = items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && items[child + 1]!.at < items[child]!.at) child++;
      if (items[child]!.at >= last.at) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return first;
  }
}
