"""The atlas's rows of the standard library."""

from gilfree.observe._atlas_entry import PYTHON, rows_of

__all__ = ["STANDARD"]

# Words, and a text of some 130,000 characters made of them.
TEXT = """\
import random
rng = random.Random(20)
words = ["".join(rng.choices("abcdefghij", k=rng.randint(2, 9))) for _ in range(20_000)]
text = " ".join(words)
data = text.encode()"""
RECORDS = """\
import random
rng = random.Random(20)
records = [{"id": i, "name": f"name {i}", "values": [i / 3, i / 7, i * 1e5], "ok": True} for i in range(2_000)]"""
NUMBERS = """\
import random
rng = random.Random(20)
numbers = [rng.random() for _ in range(50_000)]"""
XML = 'xml = "<all>" + "".join(f"<row id=\'{i}\'><name>name {i}</name></row>" for i in range(5_000)) + "</all>"'
CODE = 'code = "\\n".join(f"def f{i}(a, b):\\n    return a + {i} * b if a else [b for c in a]" for i in range(400))'
NESTED = "nested = {str(i): [list(range(10)), {'a': (i, 'b')}] for i in range(300)}"

_HASHES = rows_of(
    PYTHON,
    "import hashlib\ndata = bytes(4_000_000)",
    ("hashlib.sha256, 4 MB", "", "hashlib.sha256(data).digest()"),
    ("hashlib.sha256, 100 B", "short = bytes(100)", "hashlib.sha256(short).digest()"),
    ("hashlib.md5, 4 MB", "", "hashlib.md5(data).digest()"),
    ("hashlib.sha1, 4 MB", "", "hashlib.sha1(data).digest()"),
    ("hashlib.sha3_256, 4 MB", "", "hashlib.sha3_256(data).digest()"),
    ("hashlib.blake2b, 4 MB", "", "hashlib.blake2b(data).digest()"),
    ("hashlib.pbkdf2_hmac", "", "hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 10_000)"),
    ("hashlib.scrypt", "", "hashlib.scrypt(b'password', salt=b'salt', n=2**11, r=8, p=1)"),
    ("hmac.digest, 4 MB", "import hmac", "hmac.digest(b'key', data, 'sha256')"),
)

_COMPRESSION = rows_of(
    PYTHON,
    TEXT,
    ("zlib.compress", "import zlib", "zlib.compress(data)"),
    ("zlib.decompress", "import zlib\npacked = zlib.compress(data * 10)", "zlib.decompress(packed)"),
    ("zlib.crc32, 4 MB", "import zlib\nlong = bytes(4_000_000)", "zlib.crc32(long)"),
    ("zlib.adler32, 4 MB", "import zlib\nlong = bytes(4_000_000)", "zlib.adler32(long)"),
    ("bz2.compress", "import bz2", "bz2.compress(data)"),
    ("bz2.decompress", "import bz2\npacked = bz2.compress(data)", "bz2.decompress(packed)"),
    ("lzma.compress", "import lzma", "lzma.compress(data[:40_000])"),
    ("lzma.decompress", "import lzma\npacked = lzma.compress(data)", "lzma.decompress(packed)"),
    ("compression.zstd.compress", "from compression import zstd", "zstd.compress(data)"),
    (
        "compression.zstd.decompress",
        "from compression import zstd\npacked = zstd.compress(data * 10)",
        "zstd.decompress(packed)",
    ),
    ("gzip.compress", "import gzip", "gzip.compress(data)"),
    ("gzip.decompress", "import gzip\npacked = gzip.compress(data * 10)", "gzip.decompress(packed)"),
    (
        "zipfile.ZipFile.read",
        "import zipfile\nfile = zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED)\n"
        "file.writestr('a', data * 10)\nfile.close()\nfile = zipfile.ZipFile('a.zip')",
        "file.read('a')",
    ),
    (
        "tarfile.open, getnames",
        "import io, tarfile\nout = io.BytesIO()\ntar = tarfile.open(fileobj=out, mode='w')\n"
        "for i in range(100):\n    tar.addfile(tarfile.TarInfo(f'name {i}'))\ntar.close()\nwhole = out.getvalue()",
        "tarfile.open(fileobj=io.BytesIO(whole)).getnames()",
    ),
    ("base64.b64encode", "import base64", "base64.b64encode(data * 10)"),
    ("base64.b64decode", "import base64\ncoded = base64.b64encode(data * 10)", "base64.b64decode(coded)"),
    ("base64.b85encode", "import base64", "base64.b85encode(data)"),
    ("binascii.hexlify", "import binascii", "binascii.hexlify(data * 10)"),
    ("binascii.unhexlify", "import binascii\ncoded = binascii.hexlify(data * 10)", "binascii.unhexlify(coded)"),
    ("binascii.crc32, 4 MB", "import binascii\nlong = bytes(4_000_000)", "binascii.crc32(long)"),
)

_FORMATS = rows_of(
    PYTHON,
    RECORDS,
    ("json.dumps", "import json", "json.dumps(records)"),
    ("json.loads", "import json\ncoded = json.dumps(records)", "json.loads(coded)"),
    ("pickle.dumps", "import pickle", "pickle.dumps(records)"),
    ("pickle.loads", "import pickle\ncoded = pickle.dumps(records)", "pickle.loads(coded)"),
    ("marshal.dumps", "import marshal", "marshal.dumps(records)"),
    ("marshal.loads", "import marshal\ncoded = marshal.dumps(records)", "marshal.loads(coded)"),
    ("copy.deepcopy", f"import copy\n{NESTED}", "copy.deepcopy(nested)"),
    ("repr of a dict", "", "repr(records)"),
    ("ast.literal_eval", "import ast\ncoded = repr(records[:200])", "ast.literal_eval(coded)"),
    ("pprint.pformat", "import pprint", "pprint.pformat(records[:50])"),
    (
        "csv.reader",
        "import csv\nlines = [f'{i},name {i},\"quoted, {i}\",{i / 7}' for i in range(5_000)]",
        "list(csv.reader(lines))",
    ),
    (
        "csv.writer.writerows",
        "import csv, io\nrows = [(i, f'name {i}', i / 7) for i in range(5_000)]",
        "csv.writer(io.StringIO()).writerows(rows)",
    ),
    ("struct.pack", "import struct\nnumbers = list(range(50_000))", "struct.pack('<50000q', *numbers)"),
    ("struct.unpack", "import struct\ncoded = bytes(400_000)", "struct.unpack('<50000q', coded)"),
    ("struct.iter_unpack", "import struct\ncoded = bytes(400_000)", "list(struct.iter_unpack('<qd', coded))"),
    ("xml.etree.ElementTree.fromstring", f"import xml.etree.ElementTree as tree\n{XML}", "tree.fromstring(xml)"),
    (
        "xml.etree.ElementTree.tostring",
        f"import xml.etree.ElementTree as tree\n{XML}\nroot = tree.fromstring(xml)",
        "tree.tostring(root)",
    ),
    (
        "xml.dom.minidom.parseString",
        "import xml.dom.minidom as dom\nxml = '<all>' + '<row>text</row>' * 300 + '</all>'",
        "dom.parseString(xml)",
    ),
    (
        "tomllib.loads",
        "import tomllib\ncoded = '\\n'.join(f'[table{i}]\\nnumber = {i}\\ntext = \"name\"' for i in range(200))",
        "tomllib.loads(coded)",
    ),
    (
        "configparser.read_string",
        "import configparser\ncoded = '\\n'.join(f'[part{i}]\\nkey = {i}' for i in range(300))",
        "configparser.ConfigParser().read_string(coded)",
    ),
    ("plistlib.dumps", "import plistlib", "plistlib.dumps(records[:200])"),
)

_DATABASE = rows_of(
    PYTHON,
    "import sqlite3\nbase = sqlite3.connect('base', check_same_thread=False)\n"
    "base.execute('create table t (a integer, b real, c text)')\n"
    "base.executemany('insert into t values (?, ?, ?)', [(i, i * 7 % 1000 / 3, str(i)) for i in range(20_000)])\n"
    "base.commit()\nbase.close()\n"
    "import threading\nlocal = threading.local()\n"
    "def connection():\n"
    "    if not hasattr(local, 'base'):\n"
    "        local.base = sqlite3.connect('base')\n"
    "    return local.base",
    ("sqlite3: select, 20,000 rows", "", "connection().execute('select * from t').fetchall()"),
    ("sqlite3: select sum group by", "", "connection().execute('select sum(a) from t group by b').fetchall()"),
    (
        "sqlite3: executemany insert",
        "rows = [(i, i / 3, str(i)) for i in range(2_000)]",
        "[base := sqlite3.connect(':memory:'), base.execute('create table t (a, b, c)'), "
        "base.executemany('insert into t values (?, ?, ?)', rows), base.close()]",
    ),
)

_TEXT = rows_of(
    PYTHON,
    TEXT,
    ("re.findall", "import re", "re.findall(r'a\\w+b', text)"),
    ("re.sub", "import re", "re.sub(r'([aeiou])\\1*', 'x', text)"),
    ("re.search, backtracking", "import re\nhard = 'a' * 18", "re.search(r'(a|aa)+$', hard + 'b')"),
    ("re.compile", "import re", "[re.purge(), re.compile(r'(?P<a>[a-z]+)-(\\d{2,4})|[^x-z]*?foo$')]"),
    ("str.split", "", "text.split()"),
    ("str.join", "", "' '.join(words)"),
    ("str.replace", "", "text.replace('ab', 'xyz')"),
    ("str.count", "", "(text * 10).count('abc')"),
    ("str.find", "long = text * 10", "long.find('not there')"),
    ("str.upper", "", "text.upper()"),
    ("str.encode utf-8", "long = 'é' * 1_000_000", "long.encode()"),
    ("bytes.decode utf-8", "long = ('é' * 1_000_000).encode()", "long.decode()"),
    ("str.encode utf-16", "", "text.encode('utf-16')"),
    ("str.translate", "table = str.maketrans('abc', 'xyz')", "text.translate(table)"),
    ("str.format", "", "['{:>10} {:.3f}'.format(word, 1.5) for word in words[:5_000]]"),
    ("str == str, 4 MB", "one = 'a' * 4_000_000\ntwo = ('b' + one)[1:]", "one == two"),
    ("bytes.count, 4 MB", "long = bytes(4_000_000)", "long.count(b'a')"),
    ("bytes.find, 4 MB", "long = bytes(4_000_000)", "long.find(b'ab')"),
    ("bytes.replace", "", "data.replace(b'a', b'bc')"),
    ("bytes.translate, 4 MB", "long = bytes(4_000_000)\ntable = bytes(range(256))", "long.translate(table)"),
    ("bytes.join", "parts = data.split()", "b' '.join(parts)"),
    ("bytes.hex", "", "data.hex()"),
    ("bytes(n), 16 MB", "", "bytes(16_000_000)"),
    ("bytearray copy, 16 MB", "long = bytearray(16_000_000)", "bytearray(long)"),
    ("memoryview.tolist", "", "memoryview(data).tolist()"),
    (
        "difflib.SequenceMatcher.ratio",
        "import difflib",
        "difflib.SequenceMatcher(None, text[:300], text[100:400]).ratio()",
    ),
    ("difflib.unified_diff", "import difflib", "list(difflib.unified_diff(words[:200], words[10:210]))"),
    ("textwrap.fill", "import textwrap", "textwrap.fill(text[:10_000])"),
    ("string.Template.substitute", "import string", "string.Template('$a ${b} ' * 500).substitute(a=1, b=2)"),
    ("html.escape", "import html", "html.escape(text)"),
    ("html.unescape", "import html\ncoded = '&lt;a&gt; &amp; &eacute; ' * 1_000", "html.unescape(coded)"),
    (
        "html.parser.HTMLParser.feed",
        "from html.parser import HTMLParser\npage = '<p class=\"a\">text <b>bold</b></p>' * 200",
        "HTMLParser().feed(page)",
    ),
    ("urllib.parse.quote", "import urllib.parse", "urllib.parse.quote(text)"),
    (
        "urllib.parse.urlsplit",
        "import urllib.parse\nurls = [f'https://example.org:80{i % 100:02}/a/{i}?b=c#d' for i in range(500)]",
        "[urllib.parse.urlsplit(url) for url in urls]",
    ),
    (
        "email.message_from_string",
        "import email\nmail = 'Subject: test\\nFrom: a@example.org\\n\\n' + 'text text text\\n' * 2_000",
        "email.message_from_string(mail)",
    ),
    ("unicodedata.normalize", "import unicodedata\nlong = 'éàü' * 50_000", "unicodedata.normalize('NFD', long)"),
    ("shlex.split", "import shlex", "shlex.split(text[:2_000])"),
    ("ast.parse", f"import ast\n{CODE}", "ast.parse(code)"),
    ("compile", CODE, "compile(code, 'name', 'exec')"),
    (
        "tokenize.generate_tokens",
        f"import io, tokenize\n{CODE}",
        "list(tokenize.generate_tokens(io.StringIO(code).readline))",
    ),
)

_NUMBERS = rows_of(
    PYTHON,
    NUMBERS,
    ("math.factorial", "import math", "math.factorial(5_000)"),
    ("math.comb", "import math", "math.comb(10_000, 5_000)"),
    ("math.isqrt", "import math\nlarge = 10**20_000", "math.isqrt(large)"),
    ("math.gcd", "import math\none, two = 3**5_000, 7**4_000", "math.gcd(one, two)"),
    ("math.fsum", "import math", "math.fsum(numbers)"),
    ("math.sqrt, 50,000 times", "import math", "[math.sqrt(x) for x in numbers]"),
    ("math.dist", "import math", "math.dist(numbers, numbers)"),
    ("pow of int, modular", "large = 3**1_000", "pow(large, large, 10**600 + 7)"),
    ("int * int, 100,000 digits", "large = 7**110_000", "large * large"),
    ("int // int", "one, two = 7**30_000, 3**20_000", "one // two"),
    ("str(int)", "large = 7**4_500", "str(large)"),
    ("int(str)", "digits = '7' * 4_000", "[int(digits) for _ in range(20)]"),
    ("float(str)", "texts = list(map(repr, numbers[:20_000]))", "[float(text) for text in texts]"),
    ("repr(float)", "", "[repr(x) for x in numbers[:10_000]]"),
    ("sum of floats", "", "sum(numbers)"),
    ("max", "", "max(numbers)"),
    ("a loop in Python", "", "[x * x + 1.0 for x in numbers]"),
    (
        "decimal: multiplication",
        "import decimal\none = decimal.Decimal(2).sqrt(decimal.Context(prec=20_000))",
        "decimal.Context(prec=20_000).multiply(one, one)",
    ),
    ("decimal: sqrt", "import decimal", "decimal.Decimal(2).sqrt(decimal.Context(prec=5_000))"),
    (
        "decimal: 10,000 additions",
        "import decimal\nmany = [decimal.Decimal(i) / 7 for i in range(10_000)]",
        "sum(many)",
    ),
    (
        "fractions.Fraction: 500 additions",
        "from fractions import Fraction",
        "sum(Fraction(1, i) for i in range(1, 500))",
    ),
    ("statistics.mean", "import statistics", "statistics.mean(numbers[:5_000])"),
    ("statistics.stdev", "import statistics", "statistics.stdev(numbers[:2_000])"),
    ("statistics.median", "import statistics", "statistics.median(numbers)"),
    ("random.random, 50,000 times", "", "[rng.random() for _ in range(50_000)]"),
    ("random.shuffle", "", "rng.shuffle(numbers.copy()[:10_000])"),
    ("random.sample", "", "rng.sample(numbers, 5_000)"),
    ("random.choices", "", "rng.choices(numbers, k=20_000)"),
    ("random.gauss, 20,000 times", "", "[rng.gauss(0, 1) for _ in range(20_000)]"),
    ("random.getrandbits", "", "rng.getrandbits(4_000_000)"),
    ("random.randbytes, 1 MB", "", "rng.randbytes(1_000_000)"),
    ("secrets.token_bytes, 1 MB", "import secrets", "secrets.token_bytes(1_000_000)"),
    ("os.urandom, 1 MB", "import os", "os.urandom(1_000_000)"),
    ("uuid.uuid4, 1,000 times", "import uuid", "[uuid.uuid4() for _ in range(1_000)]"),
)

_COLLECTIONS = rows_of(
    PYTHON,
    NUMBERS,
    ("sorted", "", "sorted(numbers)"),
    ("list.sort with key", "", "numbers.copy().sort(key=lambda x: -x)"),
    ("list.reverse", "", "numbers.copy().reverse()"),
    ("list(range)", "", "list(range(200_000))"),
    ("list.copy", "long = numbers * 10", "long.copy()"),
    ("in a list", "long = [0] * 500_000", "-1 in long"),
    ("list == list", "other = [float(repr(x)) for x in numbers]", "numbers == other"),
    ("set(list)", "", "set(numbers)"),
    ("set & set", "one, two = set(numbers), set(numbers[::2])", "one & two"),
    ("dict(zip)", "", "dict(zip(numbers, numbers))"),
    ("dict.copy", "table = dict.fromkeys(numbers)", "table.copy()"),
    ("tuple(map(str, …))", "", "tuple(map(str, range(20_000)))"),
    ("collections.Counter", "import collections\nmany = [i % 100 for i in range(50_000)]", "collections.Counter(many)"),
    ("collections.deque.rotate", "import collections\nline = collections.deque(numbers)", "line.rotate(20_000)"),
    ("itertools.permutations", "import itertools", "sum(1 for _ in itertools.permutations(range(8)))"),
    (
        "itertools.combinations",
        "import collections, itertools",
        "collections.deque(itertools.combinations(range(60), 3), maxlen=0)",
    ),
    ("itertools.accumulate", "import itertools", "list(itertools.accumulate(numbers))"),
    ("functools.reduce", "import functools, operator", "functools.reduce(operator.add, numbers)"),
    ("heapq.heapify", "import heapq", "heapq.heapify(numbers.copy())"),
    ("heapq.nsmallest", "import heapq", "heapq.nsmallest(100, numbers)"),
    ("heapq.merge", "import heapq\none = sorted(numbers[:5_000])", "list(heapq.merge(one, one))"),
    (
        "bisect.bisect, 20,000 times",
        "import bisect\nordered = sorted(numbers)",
        "[bisect.bisect(ordered, x) for x in numbers[:20_000]]",
    ),
    ("array.array(list)", "import array", "array.array('d', numbers)"),
    ("array.array.tolist", "import array\nmany = array.array('d', numbers)", "many.tolist()"),
    ("array.array.byteswap", "import array\nmany = array.array('d', bytes(8_000_000))", "many.byteswap()"),
    ("gc.collect", f"import gc\n{NESTED}", "gc.collect()"),
    (
        "graphlib.TopologicalSorter",
        "import graphlib\ngraph = {i: {i // 2, i // 3} - {i} for i in range(2_000)}",
        "list(graphlib.TopologicalSorter(graph).static_order())",
    ),
    (
        "dataclasses.asdict",
        "import dataclasses\nPoint = dataclasses.make_dataclass('Point', ['x', 'y'])\n"
        "many = [Point(i, [i]) for i in range(500)]",
        "[dataclasses.asdict(point) for point in many]",
    ),
    (
        "datetime.strptime",
        "from datetime import datetime",
        "[datetime.strptime('2024-02-29 12:30:45', '%Y-%m-%d %H:%M:%S') for _ in range(300)]",
    ),
    (
        "datetime.fromisoformat",
        "from datetime import datetime",
        "[datetime.fromisoformat('2024-02-29T12:30:45+01:00') for _ in range(5_000)]",
    ),
    (
        "datetime.strftime",
        "from datetime import datetime\nwhen = datetime(2024, 2, 29)",
        "[when.strftime('%A %d %B %Y') for _ in range(2_000)]",
    ),
    ("ipaddress.ip_network", "import ipaddress", "[ipaddress.ip_network(f'10.{i % 256}.0.0/16') for i in range(300)]"),
    (
        "colorsys.rgb_to_hsv, 5,000 times",
        "import colorsys",
        "[colorsys.rgb_to_hsv(x, 0.5, 0.2) for x in numbers[:5_000]]",
    ),
)

_SYSTEM = rows_of(
    PYTHON,
    "import os",
    ("time.sleep", "import time", "time.sleep(0.002)"),
    ("time.sleep(0)", "import time", "time.sleep(0)"),
    ("time.perf_counter, 10,000 times", "import time", "[time.perf_counter() for _ in range(10_000)]"),
    ("os.stat", "", "os.stat('.')"),
    ("os.path.exists", "", "os.path.exists('not there')"),
    ("os.listdir", "[open(f'file {i}', 'w').close() for i in range(200)]", "os.listdir('.')"),
    (
        "os.scandir",
        "[open(f'file {i}', 'w').close() for i in range(200)]",
        "[entry.stat() for entry in os.scandir('.')]",
    ),
    ("os.walk", "[os.makedirs(f'{i}/a') for i in range(50)]", "list(os.walk('.'))"),
    (
        "pathlib.Path.glob",
        "import pathlib\n[open(f'file {i}', 'w').close() for i in range(200)]",
        "list(pathlib.Path('.').glob('*1*'))",
    ),
    (
        "os.read, 4 MB",
        "open('file', 'wb').write(bytes(4_000_000))\nfile = os.open('file', os.O_RDONLY)",
        "os.pread(file, 4_000_000, 0)",
    ),
    (
        "os.write, 1 MB",
        "data = bytes(1_000_000)\nfile = os.open('file', os.O_WRONLY | os.O_CREAT)",
        "os.pwrite(file, data, 0)",
    ),
    ("os.fsync", "file = os.open('file', os.O_WRONLY | os.O_CREAT)", "[os.pwrite(file, b'data', 0), os.fsync(file)]"),
    ("os.getpid, 10,000 times", "", "[os.getpid() for _ in range(10_000)]"),
    ("open, read, close: 4 MB", "open('file', 'wb').write(bytes(4_000_000))", "open('file', 'rb', buffering=0).read()"),
    (
        "open as text, read",
        "open('file', 'w').write('é line of text\\n' * 50_000)",
        "open('file', encoding='utf-8').read()",
    ),
    ("iterating over a text file", "open('file', 'w').write('a line of text\\n' * 20_000)", "list(open('file'))"),
    (
        "io.BytesIO.write",
        "import io\ndata = bytes(100)",
        "[(out := io.BytesIO()), [out.write(data) for _ in range(10_000)]]",
    ),
    (
        "shutil.copyfile, 4 MB",
        "import shutil, threading\nopen('file', 'wb').write(bytes(4_000_000))",
        "shutil.copyfile('file', f'copy {threading.get_ident()}')",
    ),
    ("tempfile.TemporaryFile", "import tempfile", "tempfile.TemporaryFile(dir='.').close()"),
    (
        "mmap: find, 4 MB",
        "import mmap\nopen('file', 'wb').write(bytes(4_000_000))\nfile = open('file', 'r+b')\n"
        "view = mmap.mmap(file.fileno(), 0)",
        "view.find(b'a')",
    ),
    (
        "mmap.flush",
        "import mmap\nopen('file', 'wb').write(bytes(40_000))\nfile = open('file', 'r+b')\n"
        "view = mmap.mmap(file.fileno(), 0)",
        "[view.__setitem__(0, 1), view.flush()]",
    ),
    (
        "socket send, recv: 1 KB",
        "import socket\none, two = socket.socketpair()\ndata = bytes(1_000)",
        "[one.send(data), two.recv(1_000)]",
    ),
    ("socket.getaddrinfo of an address", "import socket", "socket.getaddrinfo('127.0.0.1', 80)"),
    (
        "select.select, ready",
        "import select, socket\none, two = socket.socketpair()",
        "select.select([], [one], [], 1)",
    ),
    (
        "select.select, waiting",
        "import select, socket\none, two = socket.socketpair()",
        "select.select([one], [], [], 0.002)",
    ),
    (
        "selectors.select, waiting",
        "import selectors, socket\none, two = socket.socketpair()\nwatched = selectors.SelectSelector()\n"
        "watched.register(one, selectors.EVENT_READ)",
        "watched.select(0.002)",
    ),
    ("subprocess.run", "import subprocess, sys", "subprocess.run([sys.executable, '-S', '-E', '-c', ''])"),
    ("threading.Lock.acquire, free", "import threading", "threading.Lock().acquire()"),
    (
        "threading.Lock.acquire, taken",
        "import threading\nlock = threading.Lock()\nlock.acquire()",
        "lock.acquire(timeout=0.002)",
    ),
    (
        "threading.Thread start, join",
        "import threading",
        "[(thread := threading.Thread(target=int)), thread.start(), thread.join()]",
    ),
    ("threading.Event.wait", "import threading\nevent = threading.Event()", "event.wait(0.002)"),
    (
        "queue.Queue put, get",
        "import queue\nline = queue.Queue()",
        "[[line.put(i) for i in range(500)], [line.get() for i in range(500)]]",
    ),
    (
        "queue.SimpleQueue.get, waiting",
        "import queue, contextlib\nline = queue.SimpleQueue()\n"
        "def get():\n    with contextlib.suppress(queue.Empty):\n        line.get(timeout=0.002)",
        "get()",
    ),
    (
        "asyncio.run, sleep(0) 500 times",
        "import asyncio\nasync def main():\n    for _ in range(500):\n        await asyncio.sleep(0)",
        "asyncio.run(main())",
    ),
    ("ctypes.CDLL: usleep", "import ctypes\nlibc = ctypes.CDLL(None)", "libc.usleep(2_000)"),
    ("ctypes.PyDLL: usleep", "import ctypes\nlibc = ctypes.PyDLL(None)", "libc.usleep(2_000)"),
    (
        "ctypes.CDLL: abs, 10,000 times",
        "import ctypes\nlibc = ctypes.CDLL(None)",
        "[libc.abs(-1) for _ in range(10_000)]",
    ),
    (
        "ctypes.memmove, 16 MB",
        "import ctypes\nsource = ctypes.create_string_buffer(16_000_000)\n",
        "ctypes.memmove(ctypes.create_string_buffer(16_000_000), source, 16_000_000)",
    ),
    ("ssl.create_default_context", "import ssl", "ssl.create_default_context()"),
    ("importlib.reload of a small module", "import importlib, colorsys", "importlib.reload(colorsys)"),
    (
        "logging to a file",
        "import logging\nlog = logging.getLogger()\nlog.addHandler(logging.FileHandler('log'))",
        "[log.warning('a message: %d', i) for i in range(200)]",
    ),
    ("traceback.format_stack", "import traceback", "traceback.format_stack()"),
)

STANDARD = (
    *_HASHES,
    *_COMPRESSION,
    *_FORMATS,
    *_DATABASE,
    *_TEXT,
    *_NUMBERS,
    *_COLLECTIONS,
    *_SYSTEM,
)
