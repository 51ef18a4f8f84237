import CBuild
import Foundation
import HDF5
import Tensors

/// What of a build and a machine can decide about the last bits of a result: program, compiler, instruction set, libraries.
package struct BuildInformation: Codable, Sendable, Equatable {
    /// Name and version of the program.
    package var program: String
    /// The source's commit, where the build was told (`FEDCRLD_COMMIT`).
    package var commit: String
    /// CRC-32 of the program's file.
    package var executable: String
    /// The compiler's name and version.
    package var compiler: String
    /// The processor that the kernels were built for.
    package var target: String
    /// The processor that ran it.
    package var processor: String
    /// Versions of the libraries that compute or write.
    package var libraries: [String]

    /// This process's build, on this machine.
    package static let current = BuildInformation(
        program: Program.name, commit: String(cString: CBuild_commit()),
        executable: (try? DurableFile.fingerprint("/proc/self/exe").crc32) ?? "unknown",
        compiler: String(cString: CBuild_compiler()), target: String(cString: CBuild_processor()),
        processor: processorName,
        libraries: [
            "OpenBLAS \(LinearAlgebraLibrary.configuration.split(separator: " ").prefix(2).last ?? "unknown"), "
                + "\(LinearAlgebraLibrary.core) kernels",
            "HDF5 \(HDF5Library.version)",
        ])

    /// The machine's processor, as the kernel names it; "" where it does not.
    package static var processorName: String {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = information.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
    }

    /// What differs from another build that may round differently, a sentence each.
    package func differences(from old: BuildInformation) -> [String] {
        var differences: [String] = []
        func compare(_ what: String, _ before: String, _ now: String) {
            if before != now { differences.append("\(what) \(before) then, \(now) now") }
        }
        if executable != old.executable {
            compare("program", old.program, program)
            compare("commit", old.commit, commit)
            compare("compiler", old.compiler, compiler)
            compare("built for", old.target, target)
            if differences.isEmpty { differences.append("another build of the same program") }
        }
        compare("processor", old.processor, processor)
        compare("libraries", old.libraries.joined(separator: ", "), libraries.joined(separator: ", "))
        return differences
    }
}
