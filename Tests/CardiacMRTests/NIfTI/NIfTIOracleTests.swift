import Foundation
import Testing

import CardiacMR

@Suite("NIfTI files against nibabel", .enabled(if: Nibabel.isPresent, Nibabel.absence))
struct NIfTIOracleTests {
    struct Expectation: Decodable {
        let name: String
        let frame: Int
        let size: [Int]
        let spacing: [Double]
        let affine: [[Double]]
        let voxels: [Float]
    }

    /// Writes one file per kind that the reader must know and prints what nibabel reads from it.
    private static let zoo = #"""
        import sys, json, gzip, itertools
        import numpy as np, nibabel as nib
        from nibabel.quaternions import quat2mat
        folder = sys.argv[1]
        rng = np.random.default_rng(7)
        rotation = quat2mat([0.8, 0.36, -0.48, 0.0])
        affine = np.eye(4)
        affine[:3, :3] = rotation @ np.diag([1.25, 1.3, -9.5])
        affine[:3, 3] = [-101.5, 33.25, 12]
        expectations = []
        def add(name, image, frame=0):
            nib.save(image, f"{folder}/{name}")
            expect(name, frame)
        def expect(name, frame=0, path=None):
            back = nib.load(f"{folder}/{path or name}")
            data = np.asarray(back.dataobj, dtype=np.float64)
            while data.ndim < 3: data = data[..., None]
            if data.ndim == 4: data = data[..., frame]
            expectations.append(dict(name=name, frame=frame, size=list(data.shape),
                spacing=[float(z) for z in back.header["pixdim"][1:4]], affine=back.affine.tolist(),
                voxels=[float(v) for v in np.float32(data).ravel(order="F")]))
        for order, code in itertools.product("<>", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]):
            kind = np.dtype(order + code)
            data = rng.normal(0, 50, (5, 4, 3)).astype("f8") if code[0] == "f" else rng.integers(0, 120, (5, 4, 3))
            if code[0] == "i": data = data - 60
            header = nib.Nifti1Header(endianness=order)
            header.set_data_dtype(kind)
            image = nib.Nifti1Image(data.astype(kind), affine, header)
            image.header.set_slope_inter(1, 0)
            add(f"{code}-{'le' if order == '<' else 'be'}.nii" + (".gz" if code in ("i2", "f4") else ""), image)
        def scaled(name, slope, inter):
            image = nib.Nifti1Image(rng.integers(-999, 999, (4, 3, 2)).astype("i2"), affine)
            nib.save(image, f"{folder}/{name}")
            raw = bytearray(open(f"{folder}/{name}", "rb").read())
            raw[112:120] = np.array([slope, inter], "<f4").tobytes()
            open(f"{folder}/{name}", "wb").write(raw)
            expect(name)
        scaled("slope.nii", 0.125, -3.5)
        scaled("slope-zero.nii", 0, 7)
        scaled("slope-nan.nii", np.nan, np.nan)
        def codes(name, sform, qform, matrix=affine):
            image = nib.Nifti1Image(rng.integers(0, 9, (4, 3, 2)).astype("i2"), matrix)
            image.header.set_qform(affine, qform)
            image.header.set_sform(matrix, sform)
            image.header["sform_code"], image.header["qform_code"] = sform, qform
            image._affine = image.header.get_best_affine()
            add(name, image)
        codes("sform-only.nii.gz", 2, 0)
        codes("qform-only.nii.gz", 0, 1)
        codes("both.nii", 1, 1)
        skewed = affine.copy(); skewed[0, 1] += 3e-4
        codes("not-orthogonal.nii", 1, 0, skewed)
        for angle in (0, 0.5, np.pi / 2, np.pi):
            turned = np.eye(4)
            turned[:3, :3] = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
            image = nib.Nifti1Image(np.zeros((2, 2, 2), "u1"), turned)
            image.header.set_sform(None, 0)
            add(f"turn-{angle:.1f}.nii", image)
        movie = nib.Nifti1Image(rng.integers(0, 999, (4, 3, 2, 5)).astype("i2"), affine)
        add("movie.nii.gz", movie, 3)
        add("movie.nii", movie, 4)
        add("slice.nii", nib.Nifti1Image(rng.integers(0, 9, (4, 3)).astype("u1"), affine))
        add("thin.nii", nib.Nifti1Image(rng.integers(0, 9, (1, 3, 1)).astype("u1"), affine))
        add("version2.nii.gz", nib.Nifti2Image(rng.normal(0, 1, (4, 3, 2)).astype("f4"), affine))
        add("pair.hdr", nib.Nifti1Pair(rng.normal(0, 1, (4, 3, 2)).astype("f4"), affine))
        extended = nib.Nifti1Image(rng.integers(0, 9, (4, 3, 2)).astype("i2"), affine)
        extended.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a longer comment " * 9))
        add("extension.nii.gz", extended)
        raw = bytearray(open(f"{folder}/both.nii", "rb").read())
        raw[148:228] = bytes(range(128, 208))
        open(f"{folder}/junk.nii", "wb").write(raw)
        expect("junk.nii")
        with gzip.GzipFile("named", "wb", fileobj=open(f"{folder}/named.nii.gz", "wb")) as out: out.write(raw)
        expect("named.nii.gz")
        print(json.dumps(expectations))
        """#

    @Test("every data type, byte order, scaling, geometry and container reads as nibabel reads it")
    func reading() throws {
        try withTemporaryFolder { folder in
            let expectations = try JSONDecoder().decode(
                [Expectation].self, from: Data(Nibabel.run(Self.zoo, [folder]).utf8))
            #expect(expectations.count > 35)
            for expected in expectations {
                let volume = try NIfTI.read("\(folder)/\(expected.name)", frame: expected.frame)
                let grid = volume.grid
                #expect([grid.size.x, grid.size.y, grid.size.z] == expected.size, "\(expected.name)")
                #expect(volume.voxels == expected.voxels, "\(expected.name)")
                for axis in 0..<3 {
                    #expect(abs(grid.spacing[axis] - expected.spacing[axis]) < 1e-6, "\(expected.name)")
                    let row = [grid.affine.x[axis], grid.affine.y[axis], grid.affine.z[axis], grid.affine.origin[axis]]
                    for (ours, theirs) in zip(row, expected.affine[axis]) {
                        #expect(abs(ours - theirs) < 1e-4, "\(expected.name)")
                    }
                }
            }
        }
    }

    @Test("nibabel reads what the writer wrote, with the same voxels and the same geometry from sform and qform")
    func writing() throws {
        let affine = Affine(
            quaternion: 0.36, -0.48, 0.1, factor: -1, spacing: [1.25, 1.3, 9.5], origin: [-101.5, 33.25, 12])
        let grid = Grid(size: [7, 5, 3], spacing: [1.25, 1.3, 9.5], affine: affine)
        let voxels = (0..<grid.count).map { Float($0 * 2 - 40) }
        try withTemporaryFolder { folder in
            let shifted = Volume(grid: grid, voxels: voxels.map { $0 + 40 })
            try NIfTI.write(Volume(grid: grid, voxels: voxels), to: "\(folder)/a.nii", as: .float32)
            try NIfTI.write(Volume(grid: grid, voxels: voxels), to: "\(folder)/b.nii.gz", as: .int16)
            try NIfTI.write(shifted, to: "\(folder)/c.nii.gz", as: .uint8)
            try NIfTI.write(
                LabelVolume(grid: grid, labels: shifted.voxels.map { UInt8($0) }), to: "\(folder)/d.nii")
            let script = """
                import sys, json, nibabel as nib, numpy as np
                result = []
                for name in ("a.nii", "b.nii.gz", "c.nii.gz", "d.nii"):
                    image = nib.load(f"{sys.argv[1]}/{name}")
                    assert image.header["sform_code"] == 1 and image.header["qform_code"] == 1
                    assert np.abs(image.get_sform() - image.get_qform()).max() < 1e-4
                    assert image.header.get_xyzt_units()[0] == "mm"
                    result.append(dict(name=image.get_data_dtype().name, frame=0, size=image.shape,
                        spacing=[float(z) for z in image.header.get_zooms()], affine=image.affine.tolist(),
                        voxels=[float(v) for v in image.get_fdata().ravel(order="F")]))
                print(json.dumps(result))
                """
            let read = try JSONDecoder().decode([Expectation].self, from: Data(Nibabel.run(script, [folder]).utf8))
            #expect(read.map(\.name) == ["float32", "int16", "uint8", "uint8"])
            for (index, image) in read.enumerated() {
                #expect(image.size == [7, 5, 3])
                #expect(image.voxels == (index < 2 ? voxels : shifted.voxels))
                for axis in 0..<3 {
                    let row = [affine.x[axis], affine.y[axis], affine.z[axis], affine.origin[axis]]
                    for (ours, theirs) in zip(row, image.affine[axis]) { #expect(abs(ours - theirs) < 1e-4) }
                }
            }
        }
    }
}
