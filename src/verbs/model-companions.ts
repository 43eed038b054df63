import type { Checkpoint } from "../core/index.ts";
import { companionsFrom } from "./copy-tree.ts";

type Companions = ReturnType<typeof companionsFrom>;

/** Files that only mean something together: half of one tokenizer and half of another is none. */
const tokenizerFile =
  /^(?:tokenizer|vocab|merges|special_tokens_map|added_tokens|chat_template|additional_chat_templates\/|[^/]+\.(?:model|tiktoken|vocab|bpe)$)/;

/**
 * What is copied along with a model: tokenizer, generation config and the like of the source and, where a whole model is
 * written, what only the base has. A tokenizer is taken whole, from the source if it has any of it.
 * @param opened the source among them, its bases in the order in which they were opened
 */
export function modelCompanions(
  opened: readonly Checkpoint[],
  source: Checkpoint,
  isWholeModel: boolean,
): Companions {
  const own = companionsFrom(opened, opened.indexOf(source));
  if (!isWholeModel) return own;
  const below = opened.findIndex((each) => each !== source && each.companions.length > 0);
  const paths = new Set(own.map(({ path }) => path));
  const hasTokenizer = own.some(({ path }) => tokenizerFile.test(path));
  const others = companionsFrom(opened, below).filter(
    ({ path }) => !paths.has(path) && !(hasTokenizer && tokenizerFile.test(path)),
  );
  return [...own, ...others];
}
