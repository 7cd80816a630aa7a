/** Something to do on the command line, with the least that Deno must be asked for. */
export interface PermissionLine {
  readonly does: string;
  /** Flags of `deno run`; none where nothing is needed. */
  readonly grants: readonly string[];
  /** What follows `src/cli/main.ts`, or the program to run. */
  readonly command: string;
}

/** The lines of the table in `docs/reference/permissions.md`, which the docs check runs. */
export const permissionLines: readonly PermissionLine[] = [
  {
    does: "score local files, results to standard output",
    grants: ["--allow-read"],
    command: "src/cli/main.ts score models/demo examples/conversations.jsonl > scored.jsonl",
  },
  {
    does: "the same, with only those folders open",
    grants: ["--allow-read=models/demo,examples"],
    command: "src/cli/main.ts score models/demo examples/conversations.jsonl > scored.jsonl",
  },
  {
    does: "write the rows to a file of JSON Lines",
    grants: ["--allow-read", "--allow-write=rows.jsonl"],
    command: "src/cli/main.ts score models/demo examples/conversations.jsonl --output rows.jsonl",
  },
  {
    does: "write them to CSV or Parquet, which needs the folder for a temporary file",
    grants: ["--allow-read", "--allow-write=."],
    command:
      "src/cli/main.ts score models/demo examples/conversations.jsonl --output scored.parquet",
  },
  {
    does: "read the model from a URL",
    grants: ["--allow-read=examples", '--allow-net="$HOST"'],
    command: 'src/cli/main.ts score "http://$HOST" examples/conversations.jsonl > scored.jsonl',
  },
  {
    does: "download a model of the hub, from the hub's host and the one where it keeps large files",
    grants: [
      "--allow-read=hub,examples",
      "--allow-write=hub",
      '--allow-net="$HUB"',
      "--allow-env=HF_HUB_CACHE,HF_ENDPOINT,HF_TOKEN",
    ],
    command: "src/cli/main.ts score hf:local/model examples/conversations.jsonl > scored.jsonl",
  },
  {
    does: "score with it once it is in the cache",
    grants: ["--allow-read=hub,examples", "--allow-env=HF_HUB_CACHE,HF_HUB_OFFLINE"],
    command: "src/cli/main.ts score hf:local/model examples/conversations.jsonl > scored.jsonl",
  },
  {
    does: "explain and print a table",
    grants: ["--allow-read"],
    command:
      "src/cli/main.ts score models/demo examples/conversations.jsonl --explain --format table",
  },
  {
    does: "serve a model, on that address alone",
    grants: ["--allow-read=models/demo,src,shaders", "--allow-net=127.0.0.1:8792"],
    command: "src/cli/main.ts serve models/demo --port 8792 & " +
      "until curl -sf localhost:8792/ready; do kill -0 $!; sleep 0.2; done; kill -TERM $!; wait $!",
  },
  {
    does: "score with servers, and no model here",
    grants: ["--allow-read=examples", '--allow-net="$SERVER"'],
    command:
      'src/cli/main.ts score --server "http://$SERVER" examples/conversations.jsonl > scored.jsonl',
  },
  {
    does: "the same into a file, with a checkpoint beside it to go on from",
    grants: [
      "--allow-read=examples,by-servers.jsonl,by-servers.jsonl.shards",
      "--allow-write=by-servers.jsonl,by-servers.jsonl.shards",
      '--allow-net="$SERVER"',
    ],
    command: 'src/cli/main.ts score --server "http://$SERVER" examples/conversations.jsonl ' +
      "--output by-servers.jsonl",
  },
  {
    does: "calibrate rows from standard input",
    grants: [],
    command: "src/cli/main.ts calibrate < scored.jsonl > calibrated.jsonl",
  },
  {
    does: "save a calibrator",
    grants: ["--allow-write=calibrator.json"],
    command: "src/cli/main.ts calibrate --fit calibrator.json < scored.jsonl > calibrated.jsonl",
  },
  {
    does: "draw a plot",
    grants: ["--allow-write=length.svg"],
    command: "src/cli/main.ts calibrate --plot length.svg < scored.jsonl > calibrated.jsonl",
  },
  {
    does: "let files of scores vote",
    grants: ["--allow-read"],
    command: "src/cli/main.ts vote scored.jsonl calibrated.jsonl > voted.jsonl",
  },
  {
    does: "let models vote, and keep their scores",
    grants: ["--allow-read", "--allow-write=.cache/assay"],
    command: "src/cli/main.ts vote --model models/demo --heads models/demo/voters.safetensors " +
      "examples/conversations.jsonl > voted.jsonl",
  },
  {
    does: "evaluate rows from standard input",
    grants: [],
    command: `src/cli/main.ts evaluate < <(grep '"chosen"' scored.jsonl)`,
  },
  {
    does: "audit scores, or a model: one folder is written",
    grants: ["--allow-read", "--allow-write=audit"],
    command: "src/cli/main.ts audit models/demo examples/conversations.jsonl --probe-rows 1",
  },
  {
    does: "average checkpoints",
    grants: ["--allow-read", "--allow-write=soup"],
    command: "src/cli/main.ts soup models/demo models/demo --output soup",
  },
  {
    does: "look at a model or at the machine",
    grants: ["--allow-read"],
    command: "src/cli/main.ts inspect models/demo",
  },
  {
    does: "calibrate or vote on numbers in a program",
    grants: [],
    command: "examples/vote.ts",
  },
];
