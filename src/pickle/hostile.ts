// Names that no checkpoint has a reason to hold. Nothing could run them here; they are refused so that a file made
// to attack Python is called what it is. Sources: the deny lists of picklescan, fickling and modelscan, and the
// write-ups of the payloads that got past them.

/** Packages whose every name is refused. */
const packages: ReadonlySet<string> = new Set([
  "os", "posix", "posixpath", "nt", "ntpath", "sys", "subprocess", "_posixsubprocess", "commands", "popen2", "pty", "tty",
  "runpy", "importlib", "imp", "pkgutil", "zipimport", "modulefinder", "site", "sitecustomize", "ensurepip", "pip",
  "distutils", "pydoc", "code", "codeop", "compileall", "py_compile", "marshal", "pdb", "bdb", "cProfile", "timeit",
  "doctest", "idlelib", "lib2to3", "socket", "socketserver", "_socket", "ssl", "asyncio", "asyncore", "http", "httplib",
  "urllib", "urllib2", "urllib3", "requests", "aiohttp", "httpx", "ftplib", "smtplib", "smtpd", "telnetlib", "poplib",
  "imaplib", "nntplib", "xmlrpc", "webbrowser", "antigravity", "paramiko", "shutil", "tempfile", "glob", "fileinput",
  "linecache", "mmap", "fcntl", "signal", "ctypes", "_ctypes", "cffi", "multiprocessing", "_multiprocessing",
  "threading", "_thread", "thread", "concurrent", "atexit", "pickle", "_pickle", "cPickle", "shelve", "dill",
  "cloudpickle", "dbm", "sqlite3", "gzip", "bz2", "lzma", "zipfile", "tarfile", "platform", "venv", "rlcompleter",
  "faulthandler", "winreg", "_winreg", "msvcrt", "_winapi",
]); // biome-ignore format: a list

/** Modules refused with everything below them. */
const modules: readonly string[] = [
  "torch.hub", "torch.utils.cpp_extension", "torch.utils._config_module", "torch.utils.collect_env",
  "torch.utils.bottleneck", "torch.utils.data.datapipes", "torch.utils.model_zoo", "torch._dynamo", "torch._inductor",
  "torch.package", "torch.jit.unsupported_tensor_ops", "torch.testing", "torch.distributed.run",
  "torch.distributed.launch", "torch.distributed.rpc", "torch.distributed.elastic", "torch.fx.experimental",
  "torch.multiprocessing", "torch.onnx", "numpy.f2py", "numpy.testing", "numpy.distutils", "numpy.lib.npyio",
  "transformers.dynamic_module_utils", "transformers.utils.hub", "test.support", "unittest.mock", "logging.config",
]; // biome-ignore format: a list

/** Single names of modules that are otherwise fine. */
const names: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    "builtins",
    new Set([
      "eval", "exec", "execfile", "compile", "open", "file", "getattr", "setattr", "delattr", "hasattr", "__import__",
      "globals", "locals", "vars", "dir", "breakpoint", "input", "raw_input", "reload", "apply", "memoryview",
      "super", "classmethod", "staticmethod", "property", "map", "filter", "exit", "quit", "help", "__build_class__", "__loader__", "__spec__",
    ]),
  ],
  ["operator", new Set(["attrgetter", "methodcaller", "itemgetter", "call"])],
  ["_operator", new Set(["attrgetter", "methodcaller", "itemgetter", "call"])],
  ["functools", new Set(["partial", "partialmethod", "reduce", "singledispatch", "cached_property"])],
  ["_functools", new Set(["partial", "reduce"])],
  ["itertools", new Set(["starmap", "takewhile", "dropwhile", "filterfalse", "accumulate"])],
  ["copyreg", new Set(["add_extension", "_extension_registry", "pickle", "dispatch_table"])],
  ["codecs", new Set(["open", "register", "lookup", "decode"])],
  ["_codecs", new Set(["register", "lookup", "decode"])],
  ["collections", new Set(["namedtuple", "_sys", "_eq"])],
  ["numpy", new Set(["load", "loadtxt", "fromfile", "memmap", "genfromtxt", "save", "savetxt", "DataSource", "tofile"])],
  ["torch", new Set(["load", "save", "compile", "set_default_tensor_type", "_import_dotted_name", "library", "ops", "classes"])],
  ["torch.serialization", new Set(["load", "save", "_load", "_legacy_load", "_save", "_open_file"])],
  ["torch.jit", new Set(["load", "save", "script", "trace", "_load"])],
  ["torch._utils", new Set(["_import_dotted_name"])],
  ["types", new Set(["CodeType", "FunctionType", "LambdaType", "MethodType", "ModuleType", "coroutine"])],
  ["io", new Set(["open", "open_code", "FileIO", "TextIOWrapper", "BufferedReader", "BufferedWriter", "BufferedRandom"])],
  ["_io", new Set(["open", "open_code", "FileIO", "TextIOWrapper", "BufferedReader", "BufferedWriter", "BufferedRandom"])],
  ["logging", new Set(["FileHandler", "basicConfig"])],
  ["pathlib", new Set(["os", "sys", "io", "fnmatch"])],
]); // biome-ignore format: a list

/** Python 2 spellings that protocol 2 writes, and aliases of the same module. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["__builtin__", "builtins"],
  ["__builtins__", "builtins"],
  ["copy_reg", "copyreg"],
]);

/** The module's name in Python 3. */
export function python3Module(module: string): string {
  return aliases.get(module) ?? module;
}

/** Whether `module name` (with Python 3's module name) has no place in a checkpoint. */
export function isHostileGlobal(module: string, name: string): boolean {
  const [top = ""] = module.split(".");
  if (packages.has(top)) return true;
  if (modules.some((prefix) => module === prefix || module.startsWith(`${prefix}.`))) return true;
  if (names.get(module)?.has(name) === true) return true;
  // A module that imported another is a door to it: `numpy.core os`; and protocol 4 walks attributes, as in
  // `torch serialization.os.system` or `x y.__class__.__base__`.
  const steps = name.split(".");
  const builtins = names.get("builtins");
  return steps.some(
    (step) =>
      dangerousAttributes.has(step) || isDunder(step) || (steps.length > 1 && builtins?.has(step) === true),
  );
}

/** Modules so common as an attribute of other modules that their bare name is refused. */
const dangerousAttributes: ReadonlySet<string> = new Set([
  "os", "sys", "subprocess", "importlib", "builtins", "ctypes", "socket", "shutil", "runpy", "pickle", "_os", "_sys",
]); // biome-ignore format: a list

// `copyreg.__newobj__` is how old protocols spell NEWOBJ.
function isDunder(step: string): boolean {
  return step.length > 4 && step.startsWith("__") && step.endsWith("__") && step !== "__newobj__";
}
