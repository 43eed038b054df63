import { it } from "vitest";
import case380 from "./380-manifest-parent.ts";
import case381 from "./381-manifest-absolute.ts";
import case382 from "./382-manifest-adapter-name.ts";
import case383 from "./383-manifest-size.ts";
import case384 from "./384-manifest-other-component.ts";
import case385 from "./385-manifest-loop.ts";
import case386 from "./386-manifest-passwd.ts";
import case387 from "./387-manifest-url.ts";
import case388 from "./388-manifest-share.ts";
import case389 from "./389-manifest-digests.ts";
import case390 from "./390-manifest-version.ts";
import case391 from "./391-manifest-wrong-types.ts";
import case392 from "./392-manifest-proto.ts";
import case393 from "./393-manifest-huge.ts";
import case394 from "./394-manifest-chain.ts";
import case395 from "./395-manifest-digest-kind.ts";
import case396 from "./396-manifest-missing.ts";
import case397 from "./397-manifest-sha.ts";
import case398 from "./398-manifest-tie-loop.ts";
import case399 from "./399-manifest-twice.ts";
import case400 from "./400-certificate-outside.ts";
import case401 from "./401-certificate-absolute.ts";
import case402 from "./402-certificate-size.ts";
import case403 from "./403-certificate-many.ts";
import case404 from "./404-certificate-proto.ts";
import case405 from "./405-certificate-huge.ts";
import case406 from "./406-certificate-link.ts";
import case407 from "./407-certificate-digest.ts";
import case410 from "./410-model-config-types.ts";
import case411 from "./411-model-config-tie.ts";
import case412 from "./412-model-config-layers.ts";
import case413 from "./413-model-config-list.ts";
import case414 from "./414-model-config-everything.ts";
import case415 from "./415-model-config-deep.ts";
import case416 from "./416-model-config-experts.ts";
import case420 from "./420-companion-link.ts";
import case421 from "./421-companion-pipe.ts";
import case422 from "./422-companion-directory.ts";
import case423 from "./423-companion-certificate.ts";
import case424 from "./424-companion-case.ts";
import case425 from "./425-companion-code.ts";
import case426 from "./426-companion-index-name.ts";
import { attempt } from "./verb-case.ts";

const cases = [
  case380,
  case381,
  case382,
  case383,
  case384,
  case385,
  case386,
  case387,
  case388,
  case389,
  case390,
  case391,
  case392,
  case393,
  case394,
  case395,
  case396,
  case397,
  case398,
  case399,
  case400,
  case401,
  case402,
  case403,
  case404,
  case405,
  case406,
  case407,
  case410,
  case411,
  case412,
  case413,
  case414,
  case415,
  case416,
  case420,
  case421,
  case422,
  case423,
  case424,
  case425,
  case426,
];

it.each(cases)("a checkpoint that $attack", (hostile) => attempt(hostile));
