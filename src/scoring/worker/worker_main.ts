// The script of the worker that RewardModelWorker starts.
import { serveRewardModel } from "./serve_reward_model.ts";

serveRewardModel();
