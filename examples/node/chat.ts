// Answers a message with a model of the AI SDK, and charges the tokens to whoever asked.
import { type LanguageModel, streamText } from 'ai';
import { type MeteringFlorin, meterModel } from 'florin/ai';

type Message = { readonly id: string; readonly userId: string; readonly text: string };

export function answer(
  { florin, model }: { florin: MeteringFlorin; model: Exclude<LanguageModel, string> },
  message: Message,
) {
  return streamText({
    model: meterModel(model, {
      florin,
      accountId: message.userId,
      idempotencyKey: `chat:${message.id}`,
      actor: message.userId,
      feature: 'chat',
      maxOutputTokens: 2_000,
    }),
    prompt: message.text,
  });
}
