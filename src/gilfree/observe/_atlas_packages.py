"""The atlas's rows of packages that people install."""

from gilfree.observe._atlas_entry import rows_of

__all__ = ["PACKAGES"]

NUMPY = """\
import numpy as np
rng = np.random.default_rng(20)
a = rng.random(300_000)
b = rng.random(300_000)
i = rng.integers(0, 1_000, 300_000)
m = rng.random((300, 300))"""
SPARSE = """\
import numpy as np, scipy.sparse as sparse
rng = np.random.default_rng(20)
graph = sparse.random_array((2_000, 2_000), density=0.003, rng=rng, format="csr")"""
FRAME = """\
import numpy as np, pandas as pd
rng = np.random.default_rng(20)
frame = pd.DataFrame({"a": rng.random(200_000), "b": rng.integers(0, 100, 200_000), "c": rng.random(200_000)})
names = pd.Series([f"Name {i % 977}" for i in range(20_000)])"""
FOREST = """\
import numpy as np
rng = np.random.default_rng(20)
x = rng.random((2_000, 10))
y = (x[:, 0] > 0.5).astype(int)"""
PICTURE = """\
import io, numpy as np
from PIL import Image, ImageFilter, ImageOps
pixels = np.random.default_rng(20).integers(0, 255, (60, 80, 3), np.uint8)
image = Image.fromarray(pixels).resize((800, 600))
def saved(format):
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()"""
RECORDS = """\
import random
rng = random.Random(20)
records = [{"id": i, "name": f"name {i}", "values": [i / 3, i / 7, i * 1e5], "ok": True} for i in range(5_000)]"""
WORDS = """\
import random
rng = random.Random(20)
words = ["".join(rng.choices("abcdefghij", k=rng.randint(2, 9))) for _ in range(20_000)]
text = " ".join(words)"""
LETTERS = """\
import random
rng = random.Random(20)
one = "".join(rng.choices("ACGT", k=4_000))
two = "".join(rng.choices("ACGT", k=4_000))
names = ["".join(rng.choices("abcdefghij", k=12)) for _ in range(5_000)]"""
GRAPH = """\
import random
rng = random.Random(20)
nodes = 3_000
edges = [(rng.randrange(nodes), rng.randrange(nodes)) for _ in range(12_000)]"""
NUMBA = """\
import numba, numpy as np
a = np.random.default_rng(20).random(1_000_000)
def loop(a):
    total = 0.0
    for x in a:
        total += x * x % 0.7
    return total"""

PACKAGES = (
    *rows_of(
        "NumPy",
        NUMPY,
        ("np.sort", "", "np.sort(a)"),
        ("np.argsort", "", "np.argsort(a)"),
        ("np.partition", "", "np.partition(a, 150_000)"),
        ("np.unique", "", "np.unique(i)"),
        ("np.searchsorted", "c = np.sort(a)", "np.searchsorted(c, b[:100_000])"),
        ("np.dot(a, b), 1-D", "", "np.dot(a, b)"),
        ("a @ b, 1-D", "", "a @ b"),
        ("np.matmul, 2-D float", "", "m @ m"),
        ("np.matmul, 2-D int", "n = np.ones((150, 150), int)", "n @ n"),
        ("np.einsum", "", "np.einsum('ij,jk->ik', m[:100], m)"),
        ("np.tensordot", "", "np.tensordot(m, m, 1)"),
        ("np.linalg.svd", "", "np.linalg.svd(m[:120, :120])"),
        ("np.linalg.solve", "", "np.linalg.solve(m, m[0])"),
        ("np.linalg.eigh", "", "np.linalg.eigh(m[:120, :120] + m[:120, :120].T)"),
        ("np.linalg.inv", "", "np.linalg.inv(m)"),
        ("np.linalg.norm", "", "np.linalg.norm(a)"),
        ("np.fft.fft", "", "np.fft.fft(a[:2**17])"),
        ("np.histogram", "", "np.histogram(a, 100)"),
        ("np.histogram2d", "", "np.histogram2d(a[:50_000], b[:50_000], 20)"),
        ("np.bincount", "", "np.bincount(i)"),
        ("np.digitize", "", "np.digitize(a[:100_000], np.linspace(0, 1, 100))"),
        ("np.add.at", "", "np.add.at(np.zeros(1_000), i, a)"),
        ("np.add.reduceat", "", "np.add.reduceat(a, np.arange(0, 300_000, 7))"),
        ("np.cumsum", "", "np.cumsum(a)"),
        ("np.sum", "", "a.sum()"),
        ("a + b", "", "a + b"),
        ("np.exp", "", "np.exp(a)"),
        ("np.sin", "", "np.sin(a)"),
        ("np.where", "", "np.where(a > 0.5, a, b)"),
        ("np.nonzero", "", "np.nonzero(a > 0.5)"),
        ("a[i], indices", "", "a[i]"),
        ("a[mask]", "mask = a > 0.5", "a[mask]"),
        ("np.take", "", "np.take(a, i)"),
        ("np.percentile", "", "np.percentile(a, [5, 50, 95])"),
        ("np.median", "", "np.median(a)"),
        ("np.interp", "c = np.linspace(0, 1, 100)", "np.interp(a, c, c)"),
        ("np.convolve", "", "np.convolve(a[:100_000], b[:50])"),
        ("np.lexsort", "", "np.lexsort((a[:50_000], i[:50_000]))"),
        ("np.isin", "", "np.isin(i, np.arange(0, 1_000, 3))"),
        ("np.copy, 16 MB", "c = np.zeros(2_000_000)", "c.copy()"),
        ("ndarray.astype float32", "", "a.astype(np.float32)"),
        ("ndarray.T.copy", "c = np.zeros((1_000, 1_000))", "c.T.copy()"),
        ("ndarray.tolist", "", "a.tolist()"),
        ("np.array(list)", "c = a.tolist()", "np.array(c)"),
        ("np.concatenate", "", "np.concatenate([a, b])"),
        ("np.packbits", "mask = np.zeros(4_000_000, bool)", "np.packbits(mask)"),
        ("np.vectorize", "f = np.vectorize(lambda x: x + 1)", "f(a[:30_000])"),
        ("np.char.upper", "names = np.array(['a name'] * 20_000)", "np.char.upper(names)"),
        ("sum of an object array", "c = a.astype(object)", "c.sum()"),
        ("Generator.random", "", "np.random.default_rng(1).random(1_000_000)"),
        ("Generator.standard_normal", "", "np.random.default_rng(1).standard_normal(300_000)"),
        ("Generator.permutation", "", "np.random.default_rng(1).permutation(200_000)"),
        ("Generator.choice", "", "np.random.default_rng(1).choice(a, 100_000)"),
        ("np.random.rand", "", "np.random.rand(300_000)"),
        ("np.loadtxt", "np.savetxt('text', m)", "np.loadtxt('text')"),
        ("np.genfromtxt", "np.savetxt('text', m[:50, :50])", "np.genfromtxt('text')"),
        (
            "np.savetxt",
            "import threading",
            "np.savetxt(f'text {threading.get_ident()}', m[:50])",
        ),
        ("np.load", "np.save('a.npy', a)", "np.load('a.npy')"),
        ("np.save", "import threading", "np.save(f'a {threading.get_ident()}.npy', a)"),
    ),
    *rows_of(
        "SciPy",
        SPARSE,
        (
            "scipy.sparse.csgraph.dijkstra",
            "from scipy.sparse import csgraph",
            "csgraph.dijkstra(graph, indices=range(20))",
        ),
        (
            "scipy.sparse.csgraph.floyd_warshall",
            "from scipy.sparse import csgraph",
            "csgraph.floyd_warshall(graph[:200, :200])",
        ),
        (
            "scipy.sparse.csgraph.breadth_first_order",
            "from scipy.sparse import csgraph\nlarge = sparse.random_array((100_000, 100_000), density=5e-5, rng=rng, "
            "format='csr')",
            "csgraph.breadth_first_order(large, 0)",
        ),
        (
            "scipy.sparse.csgraph.connected_components",
            "from scipy.sparse import csgraph\nlarge = sparse.random_array((100_000, 100_000), density=2e-5, rng=rng, "
            "format='csr')",
            "csgraph.connected_components(large)",
        ),
        (
            "scipy.sparse.csgraph.minimum_spanning_tree",
            "from scipy.sparse import csgraph",
            "csgraph.minimum_spanning_tree(graph)",
        ),
        (
            "sparse CSR @ vector",
            "large = sparse.random_array((20_000, 20_000), density=5e-3, rng=rng, format='csr')\n"
            "v = rng.random(20_000)",
            "large @ v",
        ),
        ("sparse CSR @ sparse", "", "graph @ graph"),
        (
            "scipy.sparse.linalg.spsolve",
            "import scipy.sparse.linalg\n"
            "solvable = (graph[:400, :400] + 10 * sparse.eye_array(400)).tocsc()\nv = rng.random(400)",
            "sparse.linalg.spsolve(solvable, v)",
        ),
        (
            "scipy.signal.convolve2d",
            "from scipy import signal\na = rng.random((200, 200))",
            "signal.convolve2d(a, a[:7, :7])",
        ),
        (
            "scipy.signal.fftconvolve",
            "from scipy import signal\na = rng.random((300, 300))",
            "signal.fftconvolve(a, a)",
        ),
        (
            "scipy.signal.lombscargle",
            "from scipy import signal\nt = np.sort(rng.random(1_000))",
            "signal.lombscargle(t, t, np.linspace(1, 9, 300))",
        ),
        (
            "scipy.signal.lfilter",
            "from scipy import signal\na = rng.random(300_000)",
            "signal.lfilter([1, 0.5], [1, 0.3], a)",
        ),
        ("scipy.signal.medfilt", "from scipy import signal\na = rng.random(20_000)", "signal.medfilt(a, 11)"),
        ("scipy.fft.fft", "import scipy.fft\na = rng.random(2**17)", "scipy.fft.fft(a)"),
        (
            "scipy.ndimage.gaussian_filter",
            "from scipy import ndimage\na = rng.random((400, 400))",
            "ndimage.gaussian_filter(a, 3)",
        ),
        (
            "scipy.ndimage.median_filter",
            "from scipy import ndimage\na = rng.random((150, 150))",
            "ndimage.median_filter(a, 5)",
        ),
        ("scipy.ndimage.label", "from scipy import ndimage\na = rng.random((500, 500)) > 0.6", "ndimage.label(a)"),
        (
            "scipy.ndimage.distance_transform_edt",
            "from scipy import ndimage\na = rng.random((200, 200)) > 0.1",
            "ndimage.distance_transform_edt(a)",
        ),
        (
            "scipy.ndimage.map_coordinates",
            "from scipy import ndimage\na = rng.random((200, 200))\nplaces = rng.random((2, 30_000)) * 199",
            "ndimage.map_coordinates(a, places)",
        ),
        (
            "scipy.spatial.cKDTree, build",
            "from scipy.spatial import cKDTree\npoints = rng.random((30_000, 3))",
            "cKDTree(points)",
        ),
        (
            "scipy.spatial.cKDTree.query",
            "from scipy.spatial import cKDTree\npoints = rng.random((20_000, 3))\ntree = cKDTree(points)",
            "tree.query(points[:5_000])",
        ),
        (
            "scipy.spatial.Delaunay",
            "from scipy.spatial import Delaunay\npoints = rng.random((2_000, 2))",
            "Delaunay(points)",
        ),
        (
            "scipy.spatial.ConvexHull",
            "from scipy.spatial import ConvexHull\npoints = rng.random((20_000, 3))",
            "ConvexHull(points)",
        ),
        (
            "scipy.spatial.distance.cdist",
            "from scipy.spatial import distance\npoints = rng.random((1_000, 10))",
            "distance.cdist(points, points)",
        ),
        (
            "scipy.spatial.distance.pdist",
            "from scipy.spatial import distance\npoints = rng.random((1_000, 10))",
            "distance.pdist(points, 'cityblock')",
        ),
        (
            "scipy.cluster.hierarchy.linkage",
            "from scipy.cluster import hierarchy\npoints = rng.random((500, 3))",
            "hierarchy.linkage(points, 'average')",
        ),
        (
            "scipy.optimize.linear_sum_assignment",
            "from scipy import optimize\ncosts = rng.random((250, 250))",
            "optimize.linear_sum_assignment(costs)",
        ),
        (
            "scipy.optimize.minimize",
            "from scipy import optimize",
            "optimize.minimize(optimize.rosen, [1.3, 0.7, 0.8, 1.9, 1.2])",
        ),
        (
            "scipy.optimize.linprog",
            "from scipy import optimize\ncosts, limits = rng.random(60), rng.random((60, 60))",
            "optimize.linprog(-costs, limits, np.ones(60))",
        ),
        (
            "scipy.interpolate.CubicSpline",
            "from scipy import interpolate\nt = np.arange(5_000.0)",
            "interpolate.CubicSpline(t, t % 7)(t[:-1] + 0.5)",
        ),
        (
            "scipy.interpolate.griddata",
            "from scipy import interpolate\npoints = rng.random((1_000, 2))",
            "interpolate.griddata(points, points[:, 0], (0.5, 0.5))",
        ),
        (
            "scipy.integrate.quad",
            "from scipy import integrate\nimport math",
            "integrate.quad(math.sin, 0, 100, limit=200)",
        ),
        (
            "scipy.integrate.solve_ivp",
            "from scipy import integrate",
            "integrate.solve_ivp(lambda t, y: -y, (0, 10), [1.0])",
        ),
        ("scipy.special.gamma", "from scipy import special\na = rng.random(100_000)", "special.gamma(a)"),
        ("scipy.special.jv", "from scipy import special\na = rng.random(10_000)", "special.jv(0.5, a)"),
        ("scipy.linalg.lu", "from scipy import linalg\na = rng.random((300, 300))", "linalg.lu(a)"),
        ("scipy.linalg.expm", "from scipy import linalg\na = rng.random((80, 80))", "linalg.expm(a)"),
        ("scipy.stats.rankdata", "from scipy import stats\na = rng.random(50_000)", "stats.rankdata(a)"),
        ("scipy.stats.gaussian_kde", "from scipy import stats\na = rng.random(500)", "stats.gaussian_kde(a)(a)"),
    ),
    *rows_of(
        "scikit-learn",
        FOREST,
        ("KMeans.fit", "from sklearn.cluster import KMeans", "KMeans(5, n_init=1, max_iter=10).fit(x)"),
        ("DBSCAN.fit", "from sklearn.cluster import DBSCAN", "DBSCAN(0.3).fit(x[:500])"),
        (
            "RandomForestClassifier.fit",
            "from sklearn.ensemble import RandomForestClassifier",
            "RandomForestClassifier(5).fit(x[:500], y[:500])",
        ),
        (
            "RandomForestClassifier.predict",
            "from sklearn.ensemble import RandomForestClassifier\nforest = RandomForestClassifier(20).fit(x, y)",
            "forest.predict(x)",
        ),
        (
            "DecisionTreeClassifier.fit",
            "from sklearn.tree import DecisionTreeClassifier",
            "DecisionTreeClassifier().fit(x, y)",
        ),
        (
            "LogisticRegression.fit",
            "from sklearn.linear_model import LogisticRegression",
            "LogisticRegression().fit(x, y)",
        ),
        (
            "Lasso.fit",
            "from sklearn.linear_model import Lasso\nwide = rng.random((300, 300))",
            "Lasso(0.001, max_iter=50, tol=1).fit(wide, wide[:, 0])",
        ),
        ("SVC.fit", "from sklearn.svm import SVC", "SVC().fit(x[:500], y[:500])"),
        (
            "KNeighborsClassifier.predict",
            "from sklearn.neighbors import KNeighborsClassifier\nmodel = KNeighborsClassifier().fit(x, y)",
            "model.predict(x[:300])",
        ),
        ("KDTree.query", "from sklearn.neighbors import KDTree\ntree = KDTree(x)", "tree.query(x[:300])"),
        ("PCA.fit", "from sklearn.decomposition import PCA", "PCA(5).fit(x)"),
        ("pairwise_distances", "from sklearn.metrics import pairwise_distances", "pairwise_distances(x[:600])"),
        (
            "TSNE.fit_transform",
            "from sklearn.manifold import TSNE",
            "TSNE(max_iter=250, perplexity=10).fit_transform(x[:60])",
        ),
        (
            "HistGradientBoostingClassifier.fit",
            "from sklearn.ensemble import HistGradientBoostingClassifier",
            "HistGradientBoostingClassifier(max_iter=3).fit(x, y)",
        ),
        (
            "CountVectorizer.fit_transform",
            "from sklearn.feature_extraction.text import CountVectorizer\ntexts = ['some words of a text'] * 500",
            "CountVectorizer().fit_transform(texts)",
        ),
    ),
    *rows_of(
        "pandas",
        FRAME,
        ("pandas.read_csv", "frame[:20_000].to_csv('frame.csv')", "pd.read_csv('frame.csv')"),
        ("DataFrame.to_csv", "", "frame[:3_000].to_csv()"),
        ("DataFrame.groupby.sum", "", "frame.groupby('b').sum()"),
        ("DataFrame.groupby.median", "", "frame.groupby('b').median()"),
        ("DataFrame.groupby.apply", "", "frame[:20_000].groupby('b')['a'].apply(lambda part: part.max())"),
        ("DataFrame.merge", "other = frame[:20_000].assign(d=1)", "frame[:20_000].merge(other, on='a')"),
        ("DataFrame.sort_values", "", "frame.sort_values('a')"),
        ("DataFrame.rolling.mean", "", "frame['a'].rolling(50).mean()"),
        ("DataFrame.pivot_table", "", "frame[:20_000].pivot_table('a', 'b', aggfunc='mean')"),
        ("DataFrame.drop_duplicates", "", "frame.drop_duplicates('b')"),
        ("DataFrame.a + DataFrame.c", "", "frame['a'] + frame['c']"),
        ("DataFrame.apply over rows", "", "frame[:500].apply(lambda row: row['a'] + row['c'], axis=1)"),
        ("Series.value_counts", "", "frame['b'].value_counts()"),
        ("Series.str.upper", "", "names.str.upper()"),
        ("Series.str.contains", "", "names.str.contains('9.*1')"),
        (
            "pandas.to_datetime",
            "days = ['2024-02-29 12:30:45'] * 5 + [f'2024-01-01 00:{i % 60:02}:{i // 60 % 60:02}' "
            "for i in range(3_000)]",
            "pd.to_datetime(days)",
        ),
        ("pandas.factorize", "", "pd.factorize(names)"),
    ),
    *rows_of(
        "Polars",
        "import numpy as np, polars as pl\nrng = np.random.default_rng(20)\n"
        "frame = pl.DataFrame({'a': rng.random(200_000), 'b': rng.integers(0, 100, 200_000)})\n"
        "names = pl.Series([f'Name {i % 977}' for i in range(20_000)])",
        ("polars: DataFrame.group_by.agg", "", "frame.group_by('b').agg(pl.col('a').sum())"),
        ("polars: DataFrame.sort", "", "frame.sort('a')"),
        ("polars: DataFrame.join", "other = frame[:5_000]", "frame[:20_000].join(other, on='a')"),
        ("polars: DataFrame.filter", "", "frame.filter(pl.col('a') > 0.5)"),
        ("polars: read_csv", "frame[:50_000].write_csv('frame.csv')", "pl.read_csv('frame.csv')"),
        ("polars: Series.str.to_uppercase", "", "names.str.to_uppercase()"),
        ("polars: map_elements", "", "frame['a'][:5_000].map_elements(lambda x: x + 1, return_dtype=pl.Float64)"),
        ("polars: Series.to_list", "", "frame['a'].to_list()"),
    ),
    *rows_of(
        "PyArrow",
        "import io, numpy as np, pyarrow as pa, pyarrow.compute as pc\nrng = np.random.default_rng(20)\n"
        "table = pa.table({'a': rng.random(200_000), 'b': rng.integers(0, 100, 200_000)})",
        ("pyarrow.compute.sum", "", "pc.sum(table['a'])"),
        ("pyarrow.compute.sort_indices", "", "pc.sort_indices(table['a'])"),
        ("pyarrow.Table.group_by", "", "table.group_by('b', use_threads=False).aggregate([('a', 'sum')])"),
        (
            "pyarrow.csv.read_csv",
            "import pyarrow.csv as csv\nout = io.BytesIO()\ncsv.write_csv(table[:50_000], out)\n"
            "text = out.getvalue()\nserial = csv.ReadOptions(use_threads=False)",
            "csv.read_csv(io.BytesIO(text), read_options=serial)",
        ),
        (
            "pyarrow.parquet.read_table",
            "import pyarrow.parquet as pq\nout = io.BytesIO()\npq.write_table(table, out)\nwhole = out.getvalue()",
            "pq.read_table(pa.BufferReader(whole), use_threads=False)",
        ),
        ("pyarrow.parquet.write_table", "import pyarrow.parquet as pq", "pq.write_table(table, io.BytesIO())"),
        ("pyarrow.Array.to_pylist", "", "table['a'][:30_000].to_pylist()"),
        ("pyarrow.array(list)", "many = list(range(100_000))", "pa.array(many)"),
    ),
    *rows_of(
        "DuckDB",
        "import duckdb, threading\nlocal = threading.local()\n"
        "def base():\n    if not hasattr(local, 'base'):\n        local.base = duckdb.connect(config={'threads': 1})\n"
        "    return local.base",
        ("duckdb: select sum", "", "base().execute('select sum(i * 7 % 10) from range(500_000) t(i)').fetchone()"),
        ("duckdb: fetchall, 20,000 rows", "", "base().execute('select i from range(20_000) t(i)').fetchall()"),
    ),
    *rows_of(
        "Numba",
        NUMBA,
        ("numba.njit", "f = numba.njit(loop)", "f(a)"),
        ("numba.njit(nogil=True)", "f = numba.njit(nogil=True)(loop)", "f(a)"),
        ("numba.vectorize", "f = numba.vectorize(['f8(f8)'])(lambda x: x * x % 0.7)", "f(a)"),
        ("numba.guvectorize", "f = numba.guvectorize(['f8[:], f8[:]'], '(n)->(n)')(lambda a, b: None)", "f(a)"),
    ),
    *rows_of(
        "NumExpr",
        "import numexpr, numpy as np\na = np.random.default_rng(20).random(500_000)",
        ("numexpr.evaluate", "", "numexpr.evaluate('a * 2 + sin(a)', {'a': a})"),
    ),
    *rows_of(
        "Bottleneck",
        "import bottleneck, numpy as np\na = np.random.default_rng(20).random(500_000)",
        ("bottleneck.nansum", "", "bottleneck.nansum(a)"),
        ("bottleneck.move_median", "", "bottleneck.move_median(a[:50_000], 50)"),
    ),
    *rows_of(
        "h5py",
        "import h5py, numpy as np\nfile = h5py.File('file.h5', 'w')\n"
        "data = file.create_dataset('data', data=np.random.default_rng(20).random(300_000), compression='gzip')",
        ("h5py.Dataset, read gzip", "", "data[:]"),
    ),
    *rows_of(
        "Pillow",
        PICTURE,
        ("Image.resize", "", "image.resize((300, 200), Image.Resampling.LANCZOS)"),
        ("Image.rotate", "", "image.rotate(30)"),
        ("Image.convert", "", "image.convert('L')"),
        ("Image.filter(GaussianBlur)", "", "image.filter(ImageFilter.GaussianBlur(3))"),
        ("Image.filter(MedianFilter)", "small = image.resize((200, 150))", "small.filter(ImageFilter.MedianFilter(5))"),
        ("Image.quantize", "", "image.resize((90, 60)).quantize(64)"),
        ("Image.open, load: JPEG", "coded = saved('JPEG')", "Image.open(io.BytesIO(coded)).load()"),
        ("Image.open, load: PNG", "coded = saved('PNG')", "Image.open(io.BytesIO(coded)).load()"),
        ("Image.save: JPEG", "", "image.save(io.BytesIO(), 'JPEG')"),
        ("Image.save: PNG", "small = image.resize((200, 150))", "small.save(io.BytesIO(), 'PNG')"),
        ("Image.tobytes", "", "image.tobytes()"),
        ("ImageOps.autocontrast", "", "ImageOps.autocontrast(image)"),
    ),
    *rows_of(
        "OpenCV",
        "import cv2, numpy as np\ncv2.setNumThreads(1)\n"
        "image = np.random.default_rng(20).integers(0, 255, (600, 800, 3), np.uint8)",
        ("cv2.GaussianBlur", "", "cv2.GaussianBlur(image, (15, 15), 3)"),
        ("cv2.resize", "", "cv2.resize(image, (300, 200), interpolation=cv2.INTER_AREA)"),
        ("cv2.imdecode: JPEG", "coded = cv2.imencode('.jpg', image)[1]", "cv2.imdecode(coded, 1)"),
    ),
    *rows_of(
        "scikit-image",
        "import numpy as np\nimage = np.random.default_rng(20).random((200, 200))",
        ("skimage.measure.label", "from skimage import measure", "measure.label(image > 0.6)"),
        (
            "skimage.restoration.denoise_tv_bregman",
            "from skimage import restoration",
            "restoration.denoise_tv_bregman(image[:100, :100], max_num_iter=10)",
        ),
        (
            "skimage.filters.rank.mean",
            "from skimage.filters import rank\nbytes8 = (image * 255).astype(np.uint8)\n"
            "disk = np.ones((5, 5), np.uint8)",
            "rank.mean(bytes8, disk)",
        ),
    ),
    *rows_of(
        "Shapely",
        "import numpy as np, shapely\npoints = shapely.points(np.random.default_rng(20).random((50_000, 2)))\n"
        "disk = shapely.Point(0.5, 0.5).buffer(0.4)",
        ("shapely.contains", "", "shapely.contains(disk, points)"),
        ("shapely.buffer", "", "shapely.buffer(points[:2_000], 0.1)"),
    ),
    *rows_of(
        "Faiss",
        "import faiss, numpy as np\nfaiss.omp_set_num_threads(1)\n"
        "x = np.random.default_rng(20).random((5_000, 32), np.float32)\nindex = faiss.IndexFlatL2(32)\nindex.add(x)",
        ("faiss.IndexFlatL2.search", "", "index.search(x[:200], 5)"),
    ),
    *rows_of(
        "igraph",
        GRAPH + "\nimport igraph\ngraph = igraph.Graph(nodes, edges)",
        ("igraph: Graph.distances", "", "graph.distances(range(10))"),
        ("igraph: Graph.pagerank", "", "graph.pagerank()"),
        ("igraph: Graph.betweenness", "small = igraph.Graph.Ring(200)", "small.betweenness()"),
    ),
    *rows_of(
        "NetworkX",
        GRAPH + "\nimport networkx\ngraph = networkx.Graph(edges)",
        ("networkx.single_source_dijkstra", "", "networkx.single_source_dijkstra(graph, edges[0][0])"),
        ("networkx.connected_components", "", "list(networkx.connected_components(graph))"),
        ("networkx.pagerank", "", "networkx.pagerank(graph)"),
    ),
    *rows_of(
        "rustworkx",
        GRAPH + "\nimport rustworkx\ngraph = rustworkx.PyGraph()\ngraph.add_nodes_from(range(nodes))\n"
        "graph.add_edges_from([(a, b, 1.0) for a, b in edges])\n"
        "small = rustworkx.generators.grid_graph(12, 12)",
        ("rustworkx.dijkstra_shortest_path_lengths", "", "rustworkx.dijkstra_shortest_path_lengths(graph, 0, float)"),
        ("rustworkx.distance_matrix", "", "rustworkx.distance_matrix(small)"),
        ("rustworkx.betweenness_centrality", "", "rustworkx.betweenness_centrality(small)"),
    ),
    *rows_of(
        "SymPy",
        "import sympy\nx, y = sympy.symbols('x y')",
        (
            "sympy.expand",
            "import threading\nfrom sympy.core.cache import clear_cache",
            "[clear_cache(), sympy.expand((x + y + 1)**8)]",
        ),
    ),
    *rows_of(
        "gmpy2",
        "import gmpy2\nlarge = gmpy2.mpz(7)**200_000",
        ("gmpy2.mpz * gmpy2.mpz", "", "large * large"),
        ("gmpy2.powmod", "odd = gmpy2.mpz(10)**600 + 7", "gmpy2.powmod(3, odd, odd)"),
    ),
    *rows_of(
        "cryptography",
        "from cryptography.hazmat.primitives import hashes\ndata = bytes(4_000_000)",
        (
            "AESGCM.encrypt, 4 MB",
            "from cryptography.hazmat.primitives.ciphers.aead import AESGCM\naes = AESGCM(bytes(16))",
            "aes.encrypt(bytes(12), data, None)",
        ),
        (
            "ChaCha20Poly1305.encrypt, 4 MB",
            "from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305\n"
            "cipher = ChaCha20Poly1305(bytes(32))",
            "cipher.encrypt(bytes(12), data, None)",
        ),
        (
            "Fernet.encrypt, 1 MB",
            "from cryptography.fernet import Fernet\nfernet = Fernet(Fernet.generate_key())",
            "fernet.encrypt(data[:1_000_000])",
        ),
        (
            "hashes.Hash.update, 4 MB",
            "def digest():\n    one = hashes.Hash(hashes.SHA256())\n    one.update(data)\n    return one.finalize()",
            "digest()",
        ),
        (
            "rsa: sign",
            "from cryptography.hazmat.primitives.asymmetric import padding, rsa\n"
            "key = rsa.generate_private_key(65537, 2048)",
            "key.sign(b'data', padding.PKCS1v15(), hashes.SHA256())",
        ),
        (
            "ed25519: sign",
            "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
            "key = Ed25519PrivateKey.generate()",
            "key.sign(b'data')",
        ),
        (
            "ec: generate_private_key",
            "from cryptography.hazmat.primitives.asymmetric import ec",
            "ec.generate_private_key(ec.SECP256R1())",
        ),
        (
            "PBKDF2HMAC.derive",
            "from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC",
            "PBKDF2HMAC(hashes.SHA256(), 32, b'salt', 10_000).derive(b'password')",
        ),
        (
            "Scrypt.derive",
            "from cryptography.hazmat.primitives.kdf.scrypt import Scrypt",
            "Scrypt(b'salt', 32, 2**11, 8, 1).derive(b'password')",
        ),
    ),
    *rows_of(
        "bcrypt", "import bcrypt", ("bcrypt.hashpw", "salt = bcrypt.gensalt(6)", "bcrypt.hashpw(b'password', salt)")
    ),
    *rows_of(
        "argon2-cffi",
        "import argon2",
        (
            "argon2.PasswordHasher.hash",
            "hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)",
            "hasher.hash('password')",
        ),
    ),
    *rows_of("blake3", "import blake3\ndata = bytes(8_000_000)", ("blake3, 8 MB", "", "blake3.blake3(data).digest()")),
    *rows_of(
        "xxhash", "import xxhash\ndata = bytes(8_000_000)", ("xxhash.xxh64, 8 MB", "", "xxhash.xxh64(data).digest()")
    ),
    *rows_of(
        "zstandard",
        WORDS + "\nimport zstandard\ndata = text.encode()",
        ("zstandard.compress", "", "zstandard.compress(data)"),
        ("zstandard.decompress", "packed = zstandard.compress(data * 20)", "zstandard.decompress(packed)"),
    ),
    *rows_of(
        "lz4",
        WORDS + "\nimport lz4.frame\ndata = text.encode() * 10",
        ("lz4.frame.compress", "", "lz4.frame.compress(data)"),
        ("lz4.frame.decompress", "packed = lz4.frame.compress(data)", "lz4.frame.decompress(packed)"),
    ),
    *rows_of(
        "Brotli",
        WORDS + "\nimport brotli\ndata = text.encode()",
        ("brotli.compress", "", "brotli.compress(data, quality=5)"),
        ("brotli.decompress", "packed = brotli.compress(data * 10, quality=5)", "brotli.decompress(packed)"),
    ),
    *rows_of(
        "orjson",
        RECORDS + "\nimport orjson",
        ("orjson.dumps", "", "orjson.dumps(records)"),
        ("orjson.loads", "coded = orjson.dumps(records)", "orjson.loads(coded)"),
    ),
    *rows_of(
        "ujson",
        RECORDS + "\nimport ujson",
        ("ujson.dumps", "", "ujson.dumps(records)"),
        ("ujson.loads", "coded = ujson.dumps(records)", "ujson.loads(coded)"),
    ),
    *rows_of(
        "msgspec",
        RECORDS + "\nimport msgspec",
        ("msgspec.json.encode", "", "msgspec.json.encode(records)"),
        ("msgspec.json.decode", "coded = msgspec.json.encode(records)", "msgspec.json.decode(coded)"),
    ),
    *rows_of(
        "msgpack",
        RECORDS + "\nimport msgpack",
        ("msgpack.packb", "", "msgpack.packb(records)"),
        ("msgpack.unpackb", "coded = msgpack.packb(records)", "msgpack.unpackb(coded)"),
    ),
    *rows_of(
        "PyYAML",
        RECORDS + "\nimport yaml\ncoded = yaml.safe_dump(records[:30])",
        ("yaml.safe_load", "", "yaml.safe_load(coded)"),
        ("yaml.load(CSafeLoader)", "", "yaml.load(coded, yaml.CSafeLoader)"),
        ("yaml.safe_dump", "", "yaml.safe_dump(records[:20])"),
    ),
    *rows_of(
        "pydantic",
        RECORDS + "\nimport pydantic\n"
        "Record = pydantic.create_model('Record', id=(int, ...), name=(str, ...), values=(list[float], ...))\n"
        "adapter = pydantic.TypeAdapter(list[Record])",
        ("pydantic: validate_python", "", "adapter.validate_python(records)"),
        (
            "pydantic: validate_json",
            "coded = adapter.dump_json(adapter.validate_python(records))",
            "adapter.validate_json(coded)",
        ),
    ),
    *rows_of(
        "lxml",
        "from lxml import etree, html\n"
        "xml = '<all>' + ''.join(f'<row id=\"{i}\"><name>name {i}</name></row>' for i in range(20_000)) + '</all>'\n"
        "root = etree.fromstring(xml)",
        ("lxml.etree.fromstring", "", "etree.fromstring(xml)"),
        ("lxml.etree.tostring", "", "etree.tostring(root)"),
        ("lxml: Element.xpath", "", "root.xpath('count(//row[name])')"),
        (
            "lxml.etree.XSLT",
            'style = etree.XSLT(etree.fromstring(\'<a:stylesheet version="1.0" '
            'xmlns:a="http://www.w3.org/1999/XSL/Transform"><a:template match="/"><b><a:value-of '
            'select="count(//row[name])"/></b></a:template></a:stylesheet>\'))',
            "style(root)",
        ),
        ("lxml.html.fromstring", "page = '<p class=\"a\">text <b>bold</b>' * 5_000", "html.fromstring(page)"),
    ),
    *rows_of(
        "Beautiful Soup",
        "from bs4 import BeautifulSoup\npage = '<p class=\"a\">text <b>bold</b></p>' * 100",
        ("BeautifulSoup(html.parser)", "", "BeautifulSoup(page, 'html.parser')"),
    ),
    *rows_of(
        "Jinja2",
        "import jinja2\ntemplate = jinja2.Template('{% for i in rows %}<p>{{ i }} {{ i * 2 }}</p>{% endfor %}')",
        ("jinja2.Template.render", "", "template.render(rows=range(5_000))"),
    ),
    *rows_of(
        "regex",
        WORDS + "\nimport regex",
        ("regex.findall", "", "regex.findall(r'a\\w+b', text)"),
        ("regex.findall(concurrent=True)", "", "regex.findall(r'a\\w+b', text, concurrent=True)"),
    ),
    *rows_of(
        "pyahocorasick",
        WORDS + "\nimport ahocorasick\nautomaton = ahocorasick.Automaton()\n"
        "[automaton.add_word(word, word) for word in words[:2_000]]\nautomaton.make_automaton()",
        ("ahocorasick.Automaton.iter", "", "list(automaton.iter(text))"),
    ),
    *rows_of(
        "RapidFuzz",
        LETTERS + "\nfrom rapidfuzz import fuzz, process\nfrom rapidfuzz.distance import Levenshtein",
        ("rapidfuzz: Levenshtein.distance, 4,000 letters", "", "Levenshtein.distance(one, two)"),
        ("rapidfuzz: fuzz.ratio", "", "fuzz.ratio(one, two)"),
        ("rapidfuzz: process.cdist", "", "process.cdist(names[:300], names[:300])"),
        ("rapidfuzz: process.extract", "", "process.extract('abcdefgh', names)"),
    ),
    *rows_of(
        "Levenshtein",
        LETTERS + "\nimport Levenshtein",
        ("Levenshtein.distance, 4,000 letters", "", "Levenshtein.distance(one, two)"),
    ),
    *rows_of(
        "polyleven",
        LETTERS + "\nimport polyleven",
        ("polyleven.levenshtein, 4,000 letters", "", "polyleven.levenshtein(one, two)"),
    ),
    *rows_of(
        "edlib",
        LETTERS + "\nimport edlib",
        ("edlib.align, 4,000 letters", "", "edlib.align(one, two)"),
    ),
    *rows_of(
        "tokenizers",
        WORDS + "\nfrom tokenizers import Tokenizer, models, pre_tokenizers, trainers\n"
        "tokenizer = Tokenizer(models.BPE())\ntokenizer.pre_tokenizer = pre_tokenizers.Whitespace()\n"
        "tokenizer.train_from_iterator(words[:2_000], trainers.BpeTrainer(vocab_size=500, show_progress=False))",
        ("tokenizers: Tokenizer.encode", "", "tokenizer.encode(text[:20_000])"),
        (
            "tokenizers: Tokenizer.encode_batch",
            "parts = [text[i:i + 100] for i in range(0, 20_000, 100)]",
            "tokenizer.encode_batch(parts)",
        ),
    ),
    *rows_of(
        "tiktoken",
        WORDS + "\nimport tiktoken\nranks = {bytes([i]): i for i in range(256)}\n"
        "ranks |= {bytes([97 + i, 97 + j]): 256 + 10 * i + j for i in range(10) for j in range(10)}\n"
        "encoding = tiktoken.Encoding('tiny', pat_str=r'\\w+|\\s+', mergeable_ranks=ranks, special_tokens={})",
        ("tiktoken: Encoding.encode", "", "encoding.encode(text)"),
    ),
)
