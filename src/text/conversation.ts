/** One turn of a conversation. */
export interface Message {
  /** Who speaks: `system`, `user`, `assistant`, or another role that the chat template knows. */
  readonly role: string;
  /** What is said. */
  readonly content: string;
}

/** A list of messages; the last one is the response to score. */
export type Conversation = readonly Message[];
