// swift-tools-version: 6.2
import Foundation
import PackageDescription

// Clusters name their libraries otherwise (environment modules, MPICH, a parallel HDF5, a vendor's BLAS) and mix
// processor generations. Each choice is an environment variable; `slurm/building.md` lists them.
let environment = Context.environment
func choice(_ name: String, _ standard: String) -> String { environment["FEDCRLD_\(name)"] ?? standard }

var strict: [SwiftSetting] = []
if environment["FEDCRLD_WARNINGS_AS_ERRORS"] != nil { strict.append(.treatAllWarnings(as: .error)) }

// The kernels are optimized in debug builds too: a test of a training step would take minutes without. Generic kernels
// are specialized only where the module is compiled as a whole, which a debug build must be told.
let processor = choice("MARCH", "native")
var kernels: [SwiftSetting] = [
    .unsafeFlags(["-Ounchecked", "-Xcc", "-march=\(processor)"]),
    .unsafeFlags(["-disable-batch-mode", "-wmo", "-num-threads", "2"], .when(configuration: .debug)),
]
// The products' register blocks fill 32 vectors of 16 floats, where a processor has them.
let hasWideVectors =
    processor == "native"
    ? (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains(" avx512f") ?? false
    : ["x86-64-v4", "skylake-avx512", "icelake-server", "sapphirerapids", "znver4", "znver5"].contains(processor)
if hasWideVectors { kernels.append(.define("WIDE_VECTORS")) }
// Processors older than Haswell have no fused multiply-add; its emulation in libm would be a hundred times slower.
if ["x86-64", "x86-64-v2"].contains(processor) { kernels.append(.define("SEPARATE_MULTIPLY_ADD")) }

let package = Package(
    name: "fedcrld",
    products: [.executable(name: "fedcrld", targets: ["CommandLineTool"])],
    // Exactly these: a run's bits and files are to be the same wherever one commit is built.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CMPI", pkgConfig: choice("MPI_PKGCONFIG", "ompi-c"), providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(
            name: "CHDF5", pkgConfig: choice("HDF5_PKGCONFIG", "hdf5-serial"), providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: choice("OPENBLAS_PKGCONFIG", "openblas"),
            providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(
            name: "CPNG", pkgConfig: choice("PNG_PKGCONFIG", "libpng"), providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: choice("ZLIB_PKGCONFIG", "zlib"), providers: [.apt(["zlib1g-dev"])]),

        // What only the compiler and this file know of a build.
        .target(
            name: "CBuild",
            cSettings: [
                .define("FEDCRLD_COMMIT", to: "\"\(choice("COMMIT", "unknown"))\""),
                .define("FEDCRLD_MARCH", to: "\"\(processor)\""),
            ]),
        // What the C library and the compiler hide from Swift.
        .target(name: "CLinux"),
        .target(
            name: "Files", dependencies: ["CLinux", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: strict),
        .target(name: "Errors", swiftSettings: strict),
        .target(name: "MPI", dependencies: ["CMPI", "Errors"], swiftSettings: strict),
        .target(name: "HDF5", dependencies: ["CHDF5", "Errors"], swiftSettings: strict),
        .target(name: "Tensors", dependencies: ["CLinux", "COpenBLAS"], swiftSettings: kernels + strict),
        .target(name: "NeuralNetwork", dependencies: ["Tensors"], swiftSettings: strict),
        // Optimized in debug builds too: a phantom is rendered voxel by voxel.
        .target(
            name: "CardiacMR", dependencies: ["CZlib", "Errors", "Files", "Tensors"],
            swiftSettings: [.unsafeFlags(["-O"])] + strict),
        .target(name: "FederatedLearning", dependencies: ["NeuralNetwork", "Tensors"], swiftSettings: strict),
        .target(
            name: "FedCRLD", dependencies: ["FederatedLearning", "NeuralNetwork", "Tensors"], swiftSettings: strict),
        .target(
            name: "Methods", dependencies: ["FedCRLD", "FederatedLearning", "NeuralNetwork", "Tensors"],
            swiftSettings: strict),
        .target(
            name: "KeyStream",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ], swiftSettings: strict),
        .target(
            name: "SecureAggregation",
            dependencies: ["Errors", "KeyStream", "Tensors", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),
        .target(
            name: "DifferentialPrivacy",
            dependencies: ["KeyStream", "Tensors", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),
        .target(
            name: "Federation",
            dependencies: [
                "CardiacMR", "CBuild", "CZlib", "DifferentialPrivacy", "Errors", "FederatedLearning", "Files", "HDF5",
                "Methods",
                "MPI", "NeuralNetwork", "SecureAggregation", "Tensors", "Yams",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], exclude: ["Telemetry/TensorBoard/event.proto"], swiftSettings: strict),
        .target(
            name: "Reports", dependencies: ["CardiacMR", "CPNG", "Errors", "FederatedLearning", "Federation", "Files"],
            swiftSettings: strict),
        .target(
            name: "Comparisons",
            dependencies: ["CardiacMR", "FederatedLearning", "Federation", "Files", "Reports", "Tensors"],
            swiftSettings: strict),
        .target(
            name: "ModelFormats",
            dependencies: [
                "CardiacMR", "Federation", "HDF5", "NeuralNetwork",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], exclude: ["ONNX/onnx.proto"], swiftSettings: strict),
        .executableTarget(
            name: "CommandLineTool",
            dependencies: [
                "CardiacMR", "Comparisons", "DifferentialPrivacy", "FedCRLD", "FederatedLearning", "Federation",
                "Files", "HDF5", "Methods",
                "ModelFormats", "MPI", "NeuralNetwork", "Reports", "SecureAggregation", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict),

        // Run by mpirun at several numbers of ranks: what one process cannot show.
        .executableTarget(
            name: "RankChecks",
            dependencies: ["FedCRLD", "FederatedLearning", "Federation", "HDF5", "MPI", "NeuralNetwork", "Tensors"],
            path: "Tests/RankChecks", swiftSettings: strict),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "FilesTests", dependencies: ["Files"], swiftSettings: strict),
        .testTarget(name: "MPITests", dependencies: ["MPI"], swiftSettings: strict),
        .testTarget(name: "HDF5Tests", dependencies: ["HDF5"], swiftSettings: strict),
        .testTarget(name: "DifferentialPrivacyTests", dependencies: ["DifferentialPrivacy"], swiftSettings: strict),
        .testTarget(
            name: "SecureAggregationTests", dependencies: ["SecureAggregation", "Tensors"], swiftSettings: strict),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "NeuralNetworkTests", dependencies: ["NeuralNetwork", "Tensors"], swiftSettings: strict),
        .testTarget(
            name: "CardiacMRTests", dependencies: ["CardiacMR", "CZlib", "Files", "Tensors", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "FedCRLDTests",
            dependencies: ["FedCRLD", "FederatedLearning", "HDF5", "NeuralNetwork", "Tensors", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "MethodsTests",
            dependencies: [
                "FedCRLD", "FederatedLearning", "Federation", "HDF5", "Methods", "NeuralNetwork", "Tensors",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ComparisonsTests", dependencies: ["Comparisons", "FederatedLearning", "Federation", "Methods"],
            swiftSettings: strict),
        .testTarget(name: "ReportsTests", dependencies: ["Federation", "Reports"], swiftSettings: strict),
        .testTarget(
            name: "FederationTests",
            dependencies: [
                "CardiacMR", "Errors", "FedCRLD", "FederatedLearning", "Federation", "Files", "HDF5", "Methods", "MPI",
                "NeuralNetwork", "Tensors", "TestSupport",
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
