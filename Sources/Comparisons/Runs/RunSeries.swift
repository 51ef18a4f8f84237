import Federation
import Foundation

/// Runs one training after the other on all ranks, and passes over what is done: a series that was killed and is started
/// again ends with the same results.
package struct RunSeries {
    private let rank: RankContext
    private let folder: SeriesFolder
    private let options: RunOptions
    private let patience: Double?

    /// - Parameters:
    ///   - options: how each training runs here; of its limit of time all of them share.
    ///   - patience: seconds without a sign of life from a rank until the job is ended; nil: for ever.
    package init(_ rank: RankContext, _ folder: SeriesFolder, options: RunOptions, patience: Double?) {
        self.rank = rank
        self.folder = folder
        self.options = options
        self.patience = patience
    }

    /// Trains what is not done yet and finds out what came of it.
    /// - Parameters:
    ///   - runs: the same on all ranks.
    ///   - settings: `key=value` over those of each run, of keys that change no result, such as `threads`.
    ///   - judge: called on all ranks after a training, with its folder; on the root it returns the result.
    ///   - failed: what a training's failure is as a result; nil: the series ends with it.
    ///   - report: called on the root before a training and after it.
    /// - Returns: whether all are done; else the series was asked to stop.
    package func run<Result: Codable>(
        _ runs: [PlannedRun], settings: [String], judge: (PlannedRun, String) throws -> Result?,
        failed: (FederationError) -> Result? = { _ in nil }, report: (PlannedRun, Result?) -> Void
    ) throws -> Bool {
        for run in runs {
            let request = try rank.onRoot { try next(run, Result.self) }
            guard request != .done else { continue }
            if rank.isRoot { report(run, nil) }
            rank.communicator.patience = nil
            let training = try RunStart(rank).prepare(self.request(request, run, settings))
            // Checking the sums of all files, as a start does, may take any time without a sign of life.
            rank.communicator.patience = patience
            do {
                guard case .finished = try training.run() else { return false }
            } catch let error as FederationError {
                guard let result = failed(error) else { throw error }
                // Where there are others, they wait for this rank, and the job ends; started again it goes on behind this.
                try SeriesFolder.encode(result, to: folder.result(run))
                guard rank.size == 1 else { throw error }
                report(run, result)
                continue
            }
            rank.communicator.context = "result of \(run.name)"
            let result = try judge(run, folder.run(run))
            try rank.onRoot {
                if let result { try SeriesFolder.encode(result, to: folder.result(run)) }
                report(run, result)
            }
        }
        return true
    }

    /// What is to be done of a run.
    private enum Next: Codable {
        case done, start, resume
    }

    /// What is to be done of a run, on the root.
    private func next<Result: Decodable>(_ run: PlannedRun, _ type: Result.Type) throws -> Next {
        if try folder.read(run, as: type) != nil { return .done }
        let path = folder.run(run)
        if !RunFolder(path).positions.isEmpty { return .resume }
        // What was killed before its first checkpoint begins anew; a job that is there now keeps the folder.
        if FileManager.default.fileExists(atPath: path) {
            let lease = try RunLease(RunFolder(path))
            defer { lease.release() }
            try DurableFile.remove(RunFolder(path).configuration)
        }
        return .start
    }

    private func request(_ next: Next, _ run: PlannedRun, _ settings: [String]) throws -> RunRequest {
        var request = RunRequest()
        request.options = options
        request.options.isQuiet = true
        request.options.evaluatesTest = false
        if next == .resume {
            request.resume = folder.run(run)
            request.settings = settings
        } else {
            request.out = folder.run(run)
            request.configuration = try run.settings().applying(settings: settings)
        }
        return request
    }
}
