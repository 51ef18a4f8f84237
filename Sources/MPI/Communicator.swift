internal import CMPI

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A group of ranks that communicate with each other.
///
/// Collectives are called by all ranks, in the same order. Each first waits until all ranks have arrived, without
/// burning a core, and only then moves data, so that ``waitSeconds`` and ``communicateSeconds`` tell an uneven load from
/// a slow network. Communicate on the main thread only. After an error the state of MPI is undefined: report it and
/// ``abort(status:)``, or the other ranks wait forever.
package final class Communicator {
    /// This process's place in the group, from 0.
    package let rank: Int
    /// Number of ranks.
    package let size: Int
    /// Name of the machine that this rank runs on.
    package let nodeName: String

    /// What the run is doing, for errors: "center X, round 3".
    package var context = ""

    /// At most this many elements move in one call of MPI, whose counts have 31 bits. Equal on all ranks.
    ///
    /// Short chunks also bound the memory that libraries take while reducing, and follow each other through the tree of
    /// ranks. They cut a call further, into segments that they ask for one by one: a reduction of 160 MB on two ranks
    /// took 6 s in chunks of 64 MB and 0.2 s in chunks of 1 MB (Open MPI 4.1), and those of a quarter MB, which fit into a
    /// core's cache while they are added, are faster by a fifth. Changed only by tests.
    package var maximumChunk = Communicator.standardChunk {
        didSet { precondition((1...Int(Int32.max)).contains(maximumChunk), "a chunk has 1 to 2^31 - 1 elements") }
    }
    /// Elements of one piece of a collective.
    package static let standardChunk = 1 << 15

    /// What was moved since the last reset, by what the calls do: "broadcast", "sum onto the root".
    package internal(set) var traffic: [String: Traffic] = [:]

    /// After how many seconds without a sign of life from another rank a waiting one ends the job, with a message that
    /// names it; nil: never. See ``MPIError`` and ``attend()``.
    package var patience: Double?

    /// Whether ranks compare what they are about to do before each collective: a debugging aid, since ranks that call
    /// different collectives otherwise wait for each other, or take each other's data for their own.
    package var comparesCollectives = false

    /// Called again and again while this rank waits in a collective. It may send and collect mail, and no more.
    package var whileWaiting: () throws(MPIError) -> Void = {}

    /// What this rank is in, for others that ask.
    var activity = Activity()
    /// What others have told about theirs since they were asked.
    var answers: [Int: Activity] = [:]
    /// Messages on their way to other ranks.
    var outgoing: [Outgoing] = []
    /// Messages that came, and nobody has collected.
    var inbox: [Mail: [(rank: Int, bytes: [UInt8])]] = [:]
    /// Messages sent to each rank, and received of all.
    var sentTo: [Int64]
    var received: Int64 = 0

    /// The links with the root, once there are some.
    private var rootLinks: RootLinks?

    let handle: CMPI_Comm
    /// Of the mail, which must not be taken for anything else.
    let postal: CMPI_Comm

    private init(handle: CMPI_Comm, postal: CMPI_Comm, rank: Int, size: Int, nodeName: String) {
        self.handle = handle
        self.postal = postal
        sentTo = [Int64](repeating: 0, count: size)
        self.rank = rank
        self.size = size
        self.nodeName = nodeName
    }

    /// A communicator of all ranks whose messages never meet those of another library in the process.
    static func duplicatingWorld() throws(MPIError) -> Communicator {
        func check(_ status: Int32) throws(MPIError) {
            guard status == CMPI_SUCCESS() else {
                throw MPIError.library(status, operation: "set up the ranks", rank: nil, context: "")
            }
        }
        // Failures outside of a communicator go to the handlers of these two.
        try check(CMPI_Comm_set_errors_return(CMPI_COMM_WORLD()))
        try check(CMPI_Comm_set_errors_return(CMPI_COMM_SELF()))
        var handle = CMPI_COMM_WORLD()
        try check(CMPI_Comm_dup(CMPI_COMM_WORLD(), &handle))
        try check(CMPI_Comm_set_errors_return(handle))
        var postal = CMPI_COMM_WORLD()
        try check(CMPI_Comm_dup(CMPI_COMM_WORLD(), &postal))
        try check(CMPI_Comm_set_errors_return(postal))
        var rank: Int32 = 0
        var size: Int32 = 0
        try check(CMPI_Comm_rank(handle, &rank))
        try check(CMPI_Comm_size(handle, &size))
        var length: Int32 = 0
        var name = [CChar](repeating: 0, count: Int(CMPI_MAX_PROCESSOR_NAME()) + 1)
        try check(MPI_Get_processor_name(&name, &length))
        let nodeName = String(decoding: name.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Communicator(
            handle: handle, postal: postal, rank: Int(rank), size: Int(size), nodeName: nodeName)
    }

    /// Frees the communicator and ends MPI; the status of the latter.
    func finalize() -> Int32 {
        // Mail that nobody waits for any more is taken off the network; where that fails, ending MPI will say why.
        try? settle()
        rootLinks?.free()
        var (handle, postal) = (handle, postal)
        _ = CMPI_Comm_free(&handle)
        _ = CMPI_Comm_free(&postal)
        return MPI_Finalize()
    }

    /// The links of every rank with the root. Made by the first call, which all ranks make together.
    package func links() throws(MPIError) -> RootLinks {
        if let rootLinks { return rootLinks }
        precondition(size > 1, "a rank that is alone has no links")
        let links = try RootLinks(self)
        rootLinks = links
        return links
    }

    /// Ends all ranks of the job at once, wherever they are, with this exit status (1 to 255).
    package func abort(status: Int) -> Never {
        fflush(nil)
        _ = CMPI_Abort(handle, Int32(clamping: status))
        // Not reached unless the library fails to end the process.
        _exit(Int32(clamping: status))
    }

    /// An error of our own judgement.
    func failure(_ operation: String, _ reason: String, remedy: String) -> MPIError {
        MPIError(operation: operation, rank: rank, context: context, reason: reason, remedy: remedy)
    }

    /// Throws for the status of a library call that failed.
    func check(_ status: Int32, _ operation: String) throws(MPIError) {
        guard status == CMPI_SUCCESS() else {
            throw MPIError.library(status, operation: operation, rank: rank, context: context)
        }
    }
}
