import Testing

import Files

@Suite("Paths")
struct PathTests {
    @Test(
        "the parent folder of a path, also of the shortest",
        arguments: [
            ("", "."), ("r", "."), ("r/", "."), ("c/d", "c"), ("c/d/", "c"), ("/", "/"), ("/a", "/"), ("/a/b", "/a"),
            ("./a", "."), ("../a", ".."), ("..", "."), ("a//b", "a"), ("ä/ö", "ä"), ("/a/b/c.h5", "/a/b"),
        ])
    func parent(_ path: String, _ wanted: String) { #expect(Path.parent(of: path) == wanted) }

    @Test(
        "the name that a path ends in",
        arguments: [("", ""), ("a", "a"), ("a/", "a"), ("/", ""), ("/a/b.nii.gz", "b.nii.gz")]
    )
    func name(_ path: String, _ wanted: String) { #expect(Path.name(of: path) == wanted) }

    @Test("an absolute path does not depend on the current folder, and keeps links and .. as they are")
    func absolute() {
        #expect(Path.absolute("/a/../b") == "/a/../b")
        #expect(Path.absolute("/a/./b/") == "/a/b")
        #expect(Path.absolute("/") == "/")
        let here = Path.absolute("")
        #expect(here.hasPrefix("/"))
        #expect(Path.absolute("data") == (here == "/" ? "/data" : here + "/data"))
        #expect(Path.absolute("./data/x") == Path.absolute("data/x"))
    }
}
